/** Which carrier worked where. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CarrierMemory, MAX_REMEMBERED } from '../../../src/host/network/carrier-memory.ts';
import { temporaryFolder } from '../temporary.ts';

describe('the memory of carriers', () => {
  it('tells networks and gateways apart, and outlives the process', (test) => {
    const file = join(temporaryFolder(test), 'cache', 'carriers.json');
    const memory = new CarrierMemory(file);
    assert.equal(memory.recall('home', 'gw.example'), undefined);
    memory.remember('home', 'gw.example', 'esp');
    memory.remember('hotel', 'gw.example', 'cisco-tcp');
    memory.remember('home', 'gw.example', 'nat-t');
    const later = new CarrierMemory(file);
    assert.equal(later.recall('home', 'gw.example'), 'nat-t');
    assert.equal(later.recall('hotel', 'gw.example'), 'cisco-tcp');
    assert.equal(later.recall('home', 'other.example'), undefined);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('forgets the oldest beyond its bound', (test) => {
    const file = join(temporaryFolder(test), 'carriers.json');
    const memory = new CarrierMemory(file);
    for (let i = 0; i <= MAX_REMEMBERED; i++) memory.remember(`network ${i}`, 'gw.example', 'esp');
    assert.equal(memory.recall('network 0', 'gw.example'), undefined);
    assert.equal(memory.recall('network 1', 'gw.example'), 'esp');
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).length, MAX_REMEMBERED);
  });

  it('begins anew where the file is damaged, and does without where there can be none', (test) => {
    const folder = temporaryFolder(test);
    const file = join(folder, 'carriers.json');
    for (const damage of ['', '{}', '[1, null, {"network": "a", "gateway": "b", "carrier": "pigeon"}]', '[{']) {
      writeFileSync(file, damage);
      const memory = new CarrierMemory(file);
      assert.equal(memory.recall('a', 'b'), undefined);
      memory.remember('a', 'b', 'esp');
      assert.equal(memory.recall('a', 'b'), 'esp');
    }
    const nowhere = new CarrierMemory('/proc/sallyport/carriers.json');
    nowhere.remember('a', 'b', 'esp');
    assert.equal(nowhere.recall('a', 'b'), undefined);
  });
});
