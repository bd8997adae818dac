/** Wireshark's tables, judged by tshark itself. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createCipheriv, createHmac } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EMPTY } from '../../src/core/bytes/bytes.ts';
import { parseIp } from '../../src/core/net/address.ts';
import { openKeylog } from '../../src/host/keylog.ts';
import { missing } from '../lab/requirements.ts';
import { temporaryFolder } from './temporary.ts';

const source = parseIp('192.0.2.7')!;
const destination = parseIp('198.51.100.1')!;
const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => first + i);
const cookie = Uint8Array.of(0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77);
const cbc = {
  spi: 0x1234abcd,
  suite: { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' },
  keys: { encryption: bytes(16, 1), salt: EMPTY, integrity: bytes(20, 50) },
} as const;
const gcm = {
  spi: 0x5678,
  suite: { cipher: 'aes-gcm', keyBits: 256 },
  keys: { encryption: bytes(32, 1), salt: bytes(4, 200), integrity: EMPTY },
} as const;

/** An inner IPv4 packet: 10.77.0.2 pings 10.1.0.1. */
const ping = Buffer.from('4500001c00010000400165900a4d00020a0100010800f7ff00000000', 'hex');
/** Its end in ESP: padding, its length, next header 4. */
const trailer = (length: number) => Buffer.from([...bytes(length - 2, 1), length - 2, 4]);

function espHeader(spi: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(spi, 0);
  header.writeUInt32BE(1, 4);
  return header;
}

function sealCbc(): Buffer {
  const iv = bytes(16, 100);
  const cipher = createCipheriv('aes-128-cbc', cbc.keys.encryption, iv).setAutoPadding(false);
  const body = Buffer.concat([espHeader(cbc.spi), iv, cipher.update(Buffer.concat([ping, trailer(4)]))]);
  return Buffer.concat([body, createHmac('sha1', cbc.keys.integrity).update(body).digest().subarray(0, 12)]);
}

function sealGcm(): Buffer {
  const iv = bytes(8, 100);
  const header = espHeader(gcm.spi);
  const cipher = createCipheriv('aes-256-gcm', gcm.keys.encryption, Buffer.concat([gcm.keys.salt, iv])).setAAD(header);
  const ciphertext = Buffer.concat([cipher.update(Buffer.concat([ping, trailer(4)])), cipher.final()]);
  return Buffer.concat([header, iv, ciphertext, cipher.getAuthTag()]);
}

/** A capture of raw IPv4 packets (link type 101). */
function capture(...payloads: Buffer[]): Buffer {
  const file = Buffer.from('d4c3b2a1020004000000000000000000ffff000065000000', 'hex');
  const packets = payloads.map((payload) => {
    const ip = Buffer.from('4500000000000000403200000000000000000000', 'hex');
    ip.writeUInt16BE(20 + payload.length, 2);
    ip.set(source.bytes, 12);
    ip.set(destination.bytes, 16);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(20 + payload.length, 8);
    record.writeUInt32LE(20 + payload.length, 12);
    return Buffer.concat([record, ip, payload]);
  });
  return Buffer.concat([file, ...packets]);
}

const noTshark = missing('tshark') ?? false;

describe('the key log', () => {
  it('writes private tables, in a private folder, and adds to them', (test) => {
    const folder = join(temporaryFolder(test), 'keys');
    for (const round of [1, 2]) {
      const keylog = openKeylog(folder);
      keylog.phase1(cookie, bytes(16, round));
      keylog.esp({ source, destination, ...cbc });
      keylog.close();
    }
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of ['ikev1_decryption_table', 'esp_sa', 'preferences']) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    }
    assert.equal(
      readFileSync(join(folder, 'ikev1_decryption_table'), 'utf8'),
      '0011223344556677,0102030405060708090a0b0c0d0e0f10\n0011223344556677,02030405060708090a0b0c0d0e0f1011\n',
    );
  });

  it('follows no symbolic link', (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'elsewhere'), '');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'esp_sa'));
    assert.throws(() => openKeylog(folder), { code: 'KEYLOG', message: /symbolic link/ });
  });

  it('closes a table that stood open to others, and takes none with a second name', (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'esp_sa'), '', { mode: 0o644 });
    openKeylog(folder).close();
    assert.equal(statSync(join(folder, 'esp_sa')).mode & 0o777, 0o600);
    linkSync(join(folder, 'esp_sa'), join(folder, 'second'));
    assert.throws(() => openKeylog(folder), { code: 'KEYLOG', message: /has a second name; remove it/ });
  });

  it('lets tshark decrypt and check ESP, of every kind of suite', { skip: noTshark }, (test) => {
    const folder = temporaryFolder(test);
    const keylog = openKeylog(folder);
    keylog.phase1(cookie, bytes(16, 1));
    keylog.esp({ source, destination, ...cbc });
    keylog.esp({ source, destination, ...gcm });
    keylog.close();
    const file = join(folder, 'esp.pcap');
    writeFileSync(file, capture(sealCbc(), sealGcm()));
    const fields = ['esp.spi', 'esp.icv_good', 'ip.src', 'icmp.type'].flatMap((field) => ['-e', field]);
    const tshark = () =>
      spawnSync('tshark', ['-r', file, '-T', 'fields', ...fields], {
        encoding: 'utf8',
        env: { ...process.env, WIRESHARK_CONFIG_DIR: folder },
      });
    const { stdout, stderr } = tshark();
    assert.doesNotMatch(stderr, /UAT|Error/);
    const [first, second] = stdout.split('\n');
    assert.equal(first, '0x1234abcd\t1\t192.0.2.7,10.77.0.2\t8');
    assert.match(second!, /^0x00005678\t.*192\.0\.2\.7,10\.77\.0\.2\t8$/);
    rmSync(join(folder, 'esp_sa'));
    assert.ok(!tshark().stdout.includes('10.77.0.2'), 'and not without the keys');
  });

  it('names every suite as tshark knows it', { skip: noTshark }, (test) => {
    const folder = temporaryFolder(test);
    const keylog = openKeylog(folder);
    for (const integrity of ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const) {
      keylog.esp({ source, destination, ...cbc, suite: { ...cbc.suite, integrity } });
    }
    keylog.esp({ source, destination, ...cbc, suite: { cipher: '3des-cbc', keyBits: 192, integrity: 'md5' } });
    keylog.esp({ source: parseIp('2001:db8::1')!, destination: parseIp('2001:db8::2')!, ...gcm });
    keylog.close();
    const file = join(folder, 'empty.pcap');
    writeFileSync(file, capture());
    const options = { encoding: 'utf8', env: { ...process.env, WIRESHARK_CONFIG_DIR: folder }, stdio: 'pipe' } as const;
    execFileSync('tshark', ['-r', file], options);
    assert.doesNotMatch(spawnSync('tshark', ['-r', file], options).stderr, /UAT|Error|esp_sa/);
  });
});
