/**
 * `sallyport doctor PROFILE` behind every firewall: each of the 32 sets of the five openings, in both variants. It names exactly
 * what is shut, and in which direction. Then a firewall elsewhere, IPv6, a wrong password, a gateway that serves less.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { dropFirewall, FIVE, type OpeningName, raiseFirewall, type Variant } from '../lab/firewall.ts';
import * as lab from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { Pool } from '../lab/pool.ts';
import { lacking } from '../lab/requirements.ts';
import { discard, scratch } from '../lab/scratch.ts';
import { gatewayAddress, gatewayAddress6, gatewayPublicAddress, Topology } from '../lab/topology.ts';
import { COMBINATIONS, title } from './firewall-outcome.ts';

/** So many at a time: most of their time they wait for what a firewall swallows. */
const SIDE_BY_SIDE = 6;

const config = { carriers: { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] }, l2tp: true };

interface Told {
  readonly verdict: string;
  readonly carriers: readonly { readonly carrier: string; readonly outcome: string; readonly detail: string }[];
  readonly openings: readonly { readonly opening: string; readonly state: string }[];
  readonly findings: readonly {
    readonly rule: string;
    readonly severity: string;
    readonly cause: string;
    readonly remedies: readonly { readonly lines: readonly string[] }[];
  }[];
}

describe('the doctor with a profile', { skip: lacking(), timeout: 1_800_000, concurrency: SIDE_BY_SIDE }, () => {
  let net: Topology;
  let gateway: lab.Gateway;
  let direct: Pool<Netns>;
  let folder: string;

  before(async () => {
    net = await Topology.create('dp');
    folder = scratch('doctor-profile');
    gateway = await lab.Gateway.start(net.gw, { config });
    direct = new Pool(await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => net.addClient())));
  });

  after(async () => {
    await gateway?.remove();
    net?.remove();
    discard(folder);
  });

  async function ask(from: Netns, profile: object = {}, password: string = lab.password): Promise<Told> {
    const whole = { gateway: gatewayAddress, group: lab.group, psk: lab.groupSecret, user: lab.user, ...profile };
    const file = join(folder, `${from.name}.yaml`);
    writeFileSync(file, stringify(whole), { mode: 0o600 });
    const doctor = from.start([lab.sallyport, 'doctor', file, '--json', '--password-stdin', '--html', pageOf(from)], {
      input: `${password}\n`,
    });
    const status = await doctor.ended;
    const [told] = JSON.parse(doctor.stdout || '[]') as Told[];
    assert.ok(told, doctor.output);
    assert.equal(status, told.carriers.some(({ outcome }) => outcome === 'works') ? 0 : 3, doctor.output);
    return told;
  }

  const pageOf = (from: Netns) => join(folder, `${from.name}.html`);
  const statesIn = ({ openings }: Told) => Object.fromEntries(openings.map(({ opening, state }) => [opening, state]));

  for (const variant of ['strict', 'stateful'] as const) {
    for (const open of COMBINATIONS) {
      it(`${variant}, open: ${title(open)}`, () =>
        direct.use(async (from) => {
          await raiseFirewall(from, open, { variant });
          try {
            const told = await ask(from);
            assert.deepEqual(statesIn(told), expectedStates(open, variant), told.verdict);
            const shut = told.openings.filter(({ state }) => state.startsWith('blocked'));
            for (const { opening } of shut) assert.match(told.verdict, new RegExp(`closed: .*${opening}`));
          } finally {
            await dropFirewall(from);
          }
        }));
    }
  }

  it('the lines that it gives open what was shut', () =>
    direct.use(async (from) => {
      // Debian's own table, which drops everything
      await from.nft(`table inet filter {
        chain input { type filter hook input priority 0; policy drop; iifname lo accept; }
        chain output { type filter hook output priority 0; policy drop; oifname lo accept; }
      }`);
      try {
        const before = await ask(from);
        const finding = before.findings.find(({ rule }) => rule === 'silence-on-4500');
        assert.equal(finding?.severity, 'cause');
        for (const line of finding?.remedies[0]?.lines ?? []) await from.must(line.split(' '));
        const after = await ask(from);
        assert.equal(statesIn(after)['UDP 4500'], 'open', after.verdict);
      } finally {
        await from.nft('delete table inet filter');
      }
    }));

  it('a firewall elsewhere: it left here, and nothing came back', async () => {
    await raiseFirewall(net.nat, ['udp/500', 'udp/4500'], { towardsGateway: 'outside' });
    try {
      const told = await ask(net.c1, { gateway: gatewayPublicAddress });
      const { 'UDP 500': ike, 'UDP 4500': natT, 'UDP 10000': ciscoUdp, 'TCP 10000': tcp } = statesIn(told);
      assert.deepEqual([ike, natT, ciscoUdp, tcp], ['open', 'open', 'no-answer', 'no-answer'], told.verdict);
    } finally {
      await dropFirewall(net.nat);
    }
  });

  it('over IPv6 it sees as much', async () => {
    await raiseFirewall(net.cl, ['udp/4500'], { variant: 'strict' });
    try {
      const told = await ask(net.cl, { gateway: gatewayAddress6 });
      assert.deepEqual(statesIn(told), expectedStates(['udp/4500'], 'strict'), told.verdict);
    } finally {
      await dropFirewall(net.cl);
    }
  });

  it('a wrong password is told once, and not tried by every carrier', () =>
    direct.use(async (from) => {
      const { verdict, carriers, findings } = await ask(from, {}, 'not the password');
      assert.match(verdict, /refused/);
      const outcomes = carriers.map(({ outcome }) => outcome);
      assert.deepEqual(outcomes, ['login', 'not-tried', 'not-tried', 'not-tried']);
      assert.deepEqual([findings[0]?.rule, findings[0]?.severity], ['xauth-refused', 'cause']);
    }));

  it('a login that L2TP refuses is called so, and has a page', () =>
    direct.use(async (from) => {
      const profile = { l2tp: true, group: undefined, psk: lab.mainSecret };
      const { verdict, findings } = await ask(from, profile, 'not the password');
      assert.equal(findings[0]?.rule, 'ppp-refused', verdict);
      const html = readFileSync(pageOf(from), 'utf8');
      assert.match(html, /<article class="finding cause" id="f1">\n.*ppp-refused/);
      assert.match(html, /sallyport user passwd NAME --l2tp/);
    }));

  it("what a gateway doesn't serve is no firewall's fault", async () => {
    const sparing = await lab.Gateway.start(net.c2, {
      config: { carriers: { 'nat-t': true, esp: true, 'cisco-udp': false } },
    });
    try {
      const told = await ask(net.nat, { gateway: '10.9.0.12' });
      const outcomes = Object.fromEntries(told.carriers.map(({ carrier, outcome }) => [carrier, outcome]));
      assert.deepEqual(outcomes, {
        'nat-t': 'works',
        esp: 'works',
        'cisco-udp': 'not-offered',
        'cisco-tcp': 'blocked',
      });
      assert.equal(statesIn(told)['TCP 10000'], 'refused', told.verdict);
    } finally {
      await sparing.remove();
    }
  });
});

/** What must be told of each of the five; what comes after IKE on UDP 500 can't be reached without it. */
function expectedStates(open: readonly OpeningName[], variant: Variant): Record<string, string> {
  const needsIke: readonly OpeningName[] = ['protocol/50', 'udp/10000'];
  const state = (opening: OpeningName) => {
    if (needsIke.includes(opening) && !open.includes('udp/500')) return 'not-reached';
    if (open.includes(opening)) return 'open';
    return variant === 'strict' ? 'blocked-inward' : 'blocked-outward';
  };
  const title = (opening: OpeningName) => {
    const [kind = '', number] = opening.split('/');
    return kind === 'protocol' ? `IP protocol ${number}` : `${kind.toUpperCase()} ${number}`;
  };
  return Object.fromEntries(FIVE.map((opening) => [title(opening), state(opening)]));
}
