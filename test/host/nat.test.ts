/** NAT, in a network namespace of the test's own: the machine's rules stay as they are. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parsePrefix } from '../../src/core/net/address.ts';
import { ruleset } from '../../src/host/nat.ts';
import { missing } from '../lab/requirements.ts';

const pools = [parsePrefix('10.77.0.0/24')!, parsePrefix('10.78.0.0/24')!, parsePrefix('10.77.0.0/24')!];

/** Runs `script` with startNat, options, nft and forwarding() at hand; returns the lines that it printed. */
function inNamespace(script: string, path = process.env.PATH): { lines: string[]; stderr: string } {
  const source = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync, writeFileSync } from 'node:fs';
    import { startNat } from ${JSON.stringify(join(import.meta.dirname, '../../src/host/nat.ts'))};
    import { parsePrefix } from ${JSON.stringify(join(import.meta.dirname, '../../src/core/net/address.ts'))};
    const options = { tun: 'sp0', pools: [parsePrefix('10.77.0.0/24')], clientToClient: false };
    const nft = (...args) => execFileSync('nft', args, { encoding: 'utf8' }).trim();
    const forwarding = () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim();
    const force = (value) => writeFileSync('/proc/sys/net/ipv4/ip_forward', value);
    ${script}`;
  const args = ['--net', process.execPath, '--input-type=module', '-e', source];
  const { stdout, stderr } = spawnSync('/usr/bin/unshare', args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  return { lines: stdout.trim().split('\n'), stderr };
}

describe('the rules', () => {
  it('masquerade each pool once, and keep clients apart unless told otherwise', () => {
    const apart = ruleset({ tun: 'sp0', pools, clientToClient: false });
    assert.match(apart, /ip saddr \{ 10\.77\.0\.0\/24, 10\.78\.0\.0\/24 \} oifname != "sp0" masquerade/);
    assert.match(apart, /iifname "sp0" oifname "sp0" drop/);
    assert.doesNotMatch(ruleset({ tun: 'sp0', pools, clientToClient: true }), / drop/);
  });
});

describe('NAT', { skip: missing('root', 'unshare', 'nft') ?? false }, () => {
  it('comes and goes, forwarding with it', () => {
    const { lines, stderr } = inNamespace(`
      force('0');
      const nat = startNat(options);
      console.log(forwarding(), nft('list', 'tables'));
      nat.stop();
      console.log(forwarding(), nft('list', 'tables'));`);
    assert.deepEqual(lines, ['1 table inet sallyport_sp0', '0'], stderr);
  });

  it('leaves forwarding on where it was on, and other tables alone', () => {
    const { lines, stderr } = inNamespace(`
      force('1');
      nft('add', 'table', 'ip', 'other');
      startNat(options).stop();
      console.log(forwarding(), nft('list', 'tables'));`);
    assert.deepEqual(lines, ['1 table ip other'], stderr);
  });

  it('replaces what a crashed gateway left', () => {
    const { lines, stderr } = inNamespace(`
      startNat(options);
      startNat({ ...options, clientToClient: true });
      console.log(nft('list', 'table', 'inet', 'sallyport_sp0').includes('drop'));`);
    assert.deepEqual(lines, ['false'], stderr);
  });

  it('names the chains that drop what is forwarded', () => {
    const { lines, stderr } = inNamespace(`
      nft('add table inet guard; add chain inet guard strict { type filter hook forward priority 0; policy drop; }');
      console.log(JSON.stringify(startNat(options).forwardDroppedBy));`);
    assert.deepEqual(lines, ['["inet guard strict"]'], stderr);
  });

  it('says what to do where nft is missing', () => {
    const { lines, stderr } = inNamespace(
      `try { startNat(options); } catch (error) { console.log(error.code, error.message, forwarding()); }`,
      '/nowhere',
    );
    assert.match(
      lines[0]!,
      /^NAT nft is missing; install it \(Debian: apt install nftables\) or set 'nat: false' \d$/,
      stderr,
    );
  });
});
