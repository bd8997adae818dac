/** The journal as a file: whole or not there, and trusted only when nobody else could have written it. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  type Journal,
  journalPath,
  listJournals,
  readJournal,
  writeJournal,
} from '../../../src/host/network/journal.ts';
import { isAlive, thisProcess } from '../../../src/host/network/process.ts';
import { slotAt } from '../../../src/host/network/slot.ts';
import { temporaryFolder } from '../temporary.ts';

const journal: Journal = {
  version: 1,
  profile: 'work',
  process: thisProcess(),
  slot: slotAt(5),
  blocks: true,
  gateway: { name: 'vpn.example.com', address: '198.51.100.7' },
  changes: [{ kind: 'address', tun: 'sp0', address: '10.77.0.9' }],
  sysctls: [],
  guards: [],
  dns: [],
};

describe('a journal', () => {
  it('is read as it was written, is nobody else’s to read, and leaves no draft', (test) => {
    const folder = temporaryFolder(test);
    const path = journalPath(folder, 'work');
    assert.equal(readJournal(path), undefined);
    assert.equal(writeJournal(path, journal, true), true);
    assert.deepEqual(readJournal(path), journal);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(readdirSync(folder).length, 1);
  });

  it('that must be new does not replace another', (test) => {
    const path = journalPath(temporaryFolder(test), 'work');
    writeJournal(path, journal, true);
    assert.equal(writeJournal(path, { ...journal, profile: 'other' }, true), false);
    assert.deepEqual(readJournal(path), journal);
    assert.equal(writeJournal(path, { ...journal, blocks: false }), true);
    assert.equal(readJournal(path)?.blocks, false);
  });

  it('is found by its profile, whatever that is called', (test) => {
    const folder = temporaryFolder(test);
    const names = ['work', '../../etc/x', 'a b', '.'];
    for (const name of names) writeJournal(journalPath(folder, name), { ...journal, profile: name });
    writeFileSync(`${folder}/carriers.json`, '[]');
    assert.deepEqual(listJournals(folder), names.toSorted());
    assert.deepEqual(listJournals(`${folder}/missing`), []);
    assert.equal(readdirSync(folder).length, names.length + 1);
  });

  it('is refused when it is damaged, of another version, or could be somebody else’s', (test) => {
    const path = journalPath(temporaryFolder(test), 'work');
    const refused = {
      code: 'JOURNAL',
      message: /look at 'ip rule' and 'ip route show table all proto 83', then remove it$/,
    };
    for (const text of ['', '{', 'null', '[]', '{"version":1}', JSON.stringify({ ...journal, version: 2 })]) {
      writeFileSync(path, text, { mode: 0o600 });
      assert.throws(() => readJournal(path), refused, text);
    }
    writeJournal(path, journal);
    chmodSync(path, 0o620);
    assert.throws(() => readJournal(path), refused);
  });
});

describe('a process', () => {
  it('is told from one of the same number at another time', () => {
    const us = thisProcess();
    assert.equal(isAlive(us), true);
    assert.equal(isAlive({ ...us, started: '1' }), false);
    assert.equal(isAlive({ ...us, boot: 'another' }), false);
    assert.equal(isAlive({ ...us, pid: 2 ** 22 + 1 }), false);
  });
});
