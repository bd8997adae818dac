/** Given lines: whole however they come, bounded, and over descriptors. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { openDescriptor } from '../../src/cli/descriptor.ts';
import { LineInput, LONGEST_LINE } from '../../src/cli/line-input.ts';

async function all(input: LineInput): Promise<string[]> {
  const lines: string[] = [];
  for (let line = await input.next(); line !== undefined; line = await input.next()) lines.push(line);
  return lines;
}

describe('lines', () => {
  it('come out whole however the bytes come in', async () => {
    const text = Buffer.from('grün\r\n\nlast');
    for (let size = 1; size <= text.length; size++) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.subarray(i * size, (i + 1) * size),
      );
      assert.deepEqual(await all(new LineInput(Readable.from(chunks, { objectMode: false }))), ['grün', '', 'last']);
    }
  });

  it('end when the stream does, or when they are closed', async () => {
    assert.deepEqual(await all(new LineInput(Readable.from([]))), []);
    assert.deepEqual(await all(new LineInput(Readable.from(['a\n']))), ['a']);
  });

  it('are bounded, also when they never end', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield 'x'.repeat(1000);
      })(),
    );
    const input = new LineInput(endless);
    const line = await input.next();
    assert.ok(line!.length > LONGEST_LINE && line!.length <= LONGEST_LINE + 1000);
    input.close();
  });

  it('say when they can not be read', async () => {
    const broken = new Readable({ read: () => broken.destroy(Object.assign(new Error('x'), { code: 'EIO' })) });
    await assert.rejects(new LineInput(broken).next(), { code: 'USAGE', message: "the password can't be read: EIO" });
  });
});

describe('a descriptor', () => {
  it('is read from where it stands', async (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-fd-'));
    test.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'password'), 'secret\n');
    const input = new LineInput(openDescriptor(String(openSync(join(folder, 'password'), 'r'))));
    assert.deepEqual(await all(input), ['secret']);
  });

  it('is refused when nobody opened it, or Node did for itself', () => {
    const free = openSync('/dev/null', 'r');
    closeSync(free);
    for (const text of ['', 'x', '-1', '1.5', '999999999999', '4096', String(free)]) {
      assert.throws(() => openDescriptor(text), { code: 'USAGE' }, text);
    }
    // Whatever of Node's own stands there: an event loop, its pipe, or nothing.
    assert.throws(() => openDescriptor('3'), { code: 'USAGE' });
    const folder = openSync('/', 'r');
    assert.throws(() => openDescriptor(String(folder)), /is a folder/);
    closeSync(folder);
  });
});
