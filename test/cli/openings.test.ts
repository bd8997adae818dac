/** sallyport openings: what it prints, and that docs/firewalls.md says the same. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { answer } from '../../src/cli/openings.ts';
import { needOf, SIDES } from '../../src/core/openings/firewall.ts';
import { FIREWALLS } from '../../src/core/openings/firewalls.ts';
import { CARRIERS, STANDARD_PORTS } from '../../src/core/openings/openings.ts';
import { run } from './cli.ts';

const prints = (...args: string[]) => answer(args);

function refuses(words: RegExp, ...args: string[]): void {
  assert.throws(() => answer(args), { name: 'UsageError', message: words });
}

describe('sallyport openings', () => {
  it('shows what each carrier needs, and the systems that there are rules for', async () => {
    const { status, stdout: text } = await run(['openings']);
    assert.equal(status, 0);
    assert.equal(text, `${prints()}\n`);
    assert.match(text, /^nat-t +NAT-T +UDP 500, UDP 4500$/m);
    assert.match(text, /^esp +native ESP +UDP 500, IP protocol 50$/m);
    assert.match(text, /^cisco-udp +Cisco IPsec over UDP +UDP 500, UDP 10000$/m);
    assert.match(text, /^cisco-tcp +Cisco IPsec over TCP +TCP 10000$/m);
    assert.match(text, /UDP 4500 alone/);
    for (const { name } of FIREWALLS) assert.match(text, new RegExp(`^  ${name} `, 'm'));
  });

  it('takes one carrier, and other ports', () => {
    const text = prints('--for', 'nftables', '--carrier', 'cisco-tcp', '--ports', 'cisco-tcp=443,ike=1500');
    const rules = text.split('\n').filter((line) => line.startsWith('nft '));
    assert.deepEqual(rules, [
      'nft insert rule inet filter output tcp dport 443 accept',
      'nft insert rule inet filter input ct state established,related accept',
    ]);
  });

  it('says what the firewall of Windows XP can not open, and which carriers remain', () => {
    const text = prints('--for', 'windows-xp');
    assert.match(text, /^netsh firewall add portopening protocol=UDP port=10000 .*mode=ENABLE/m);
    assert.match(text, /IP protocol 50 can't be opened/);
    assert.match(text, /Carriers that remain: nat-t, cisco-udp, cisco-tcp\./);
    assert.match(
      prints('--for', 'windows-xp', '--carrier', 'esp'),
      /Carriers that remain: nat-t, cisco-udp, cisco-tcp\./,
    );
  });

  it('tells programs', () => {
    const { side, carriers, system } = JSON.parse(prints('--json', '--for', 'windows-xp', '--side', 'gateway'));
    assert.equal(side, 'gateway');
    assert.deepEqual(carriers[1], { carrier: 'esp', openings: ['UDP 500', 'IP protocol 50'] });
    assert.equal(system.name, 'windows-xp');
    assert.deepEqual(system.cannot, ['IP protocol 50']);
    assert.deepEqual(system.remaining, ['nat-t', 'cisco-udp', 'cisco-tcp']);
    assert.equal(JSON.parse(prints('--json')).system, null);
  });

  it('refuses what it does not know, and says what there is', () => {
    refuses(/--carrier is one of nat-t, esp, cisco-udp, cisco-tcp, not "smoke"/, '--carrier', 'smoke');
    refuses(/--for is one of windows-xp, .*, not "amiga"/, '--for', 'amiga');
    refuses(/--side is one of client, gateway, not "left"/, '--side', 'left');
    for (const ports of ['500', 'ike=0', 'ike=65536', 'toString=1', 'ike=500,']) {
      refuses(/--ports takes NAME=PORT,\.\.\. with the names ike, nat-t, cisco-udp, cisco-tcp/, '--ports', ports);
    }
    refuses(/what is "more" for/, 'more');
  });
});

describe('the rules of each firewall', () => {
  for (const firewall of FIREWALLS) {
    for (const side of SIDES) {
      it(`${firewall.name}, ${side}: open what one carrier needs, and nothing of another's`, () => {
        for (const carrier of CARRIERS) {
          const { blocks, cannot, notes } = firewall.rules(
            needOf([carrier], { ...STANDARD_PORTS, ciscoTcp: 8443 }, side),
          );
          const text = blocks.flatMap(({ lines }) => lines).join('\n');
          const opens = (words: RegExp) => words.test(text);
          const usesUdp500 = carrier !== 'cisco-tcp';
          // What lets everything out needs no rule on the client's side.
          if (firewall.name !== 'firewalld' || side === 'gateway') {
            assert.equal(opens(/\b500\b/), usesUdp500, text);
            assert.equal(opens(/\b4500\b|nat-traversal/), carrier === 'nat-t', text);
            assert.equal(opens(/\b10000\b/), carrier === 'cisco-udp', text);
            assert.equal(opens(/\b8443\b/), carrier === 'cisco-tcp', text);
          }
          const esp = opens(/\besp\b|\b50\b/i) || cannot.length > 0;
          assert.equal(esp, carrier === 'esp', text);
          assert.ok(blocks.every(({ lines }) => lines.length > 0));
          assert.ok([...notes, text].every((words) => !words.includes('undefined')));
        }
      });
    }
  }
});

/** The page holds, below each comment that is a command line, what that command prints. UPDATE_DOCS=1 writes it anew. */
it('docs/firewalls.md says what the command says', () => {
  const file = join(import.meta.dirname, '../../docs/firewalls.md');
  const page = readFileSync(file, 'utf8');
  const comments = [...page.matchAll(/<!-- sallyport openings(.*) -->\n\n(?:```text\n[\s\S]*?```\n\n?)?/g)];
  let fresh = page;
  for (const [whole, args = ''] of comments) {
    const output = prints(...args.split(' ').filter(Boolean));
    fresh = fresh.replace(whole, () => `<!-- sallyport openings${args} -->\n\n\`\`\`text\n${output}\n\`\`\`\n\n`);
  }
  fresh = `${fresh.trimEnd()}\n`;
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, fresh);
  else assert.equal(page, fresh, 'UPDATE_DOCS=1 writes the page anew');
  for (const { name } of FIREWALLS) assert.match(page, new RegExp(`<!-- sallyport openings --for ${name} -->`));
});
