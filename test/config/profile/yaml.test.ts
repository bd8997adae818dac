/** Our own format into a profile: every key of it, and what doesn't fit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROFILE_SHAPES } from '../../../src/config/profile/yaml-schema.ts';
import { assertProblems, check, checkFile, contentOf, shown, yaml } from './profiles.ts';

describe('a profile in YAML', () => {
  it('is read with every key there is', () => {
    const { profile, problems } = checkFile('every-key.yaml');
    assert.deepEqual(problems, []);
    assert.deepEqual(shown(profile!), {
      name: 'every-key',
      file: '/profiles/every-key.yaml',
      format: 'yaml',
      gateways: ['vpn.example.com', '192.0.2.1', '2001:db8::1'],
      exchange: 'main',
      authentication: 'psk',
      xauth: true,
      l2tp: false,
      pppMethods: ['ms-chap-v2'],
      tunnelSecret: 'of tunnels',
      identity: 'staff',
      psk: 'a-long-enough-secret',
      certificate: { chain: '/profiles/sally.pem', key: '/profiles/sally.key' },
      authorities: ['/profiles/ca.pem'],
      gatewayIdentities: ['gateway.example.com'],
      user: 'sally',
      password: 'from a file',
      domain: 'CORP',
      mayAsk: true,
      carrier: 'cisco-udp',
      ports: { ike: 501, natT: 4501, ciscoUdp: 10001, ciscoTcp: 443 },
      routes: ['10.1.0.0/16'],
      target: undefined,
      dns: false,
      splitDns: false,
      localLan: true,
      onLoss: 'open',
      persona: 'macos',
      applicationVersion: 'Example 1.0',
      legacy: true,
      dhGroup: 2,
      pfs: 2,
      dpd: { idleSeconds: 10, timeoutSeconds: 30 },
      tun: 'vpn7',
      mtu: 1300,
    });
    const peer = checkFile('peer.yaml');
    assert.deepEqual(peer.problems, []);
    const { xauth, dpd, pfs, certificate } = peer.profile!;
    assert.deepEqual({ xauth, dpd, pfs }, { xauth: false, dpd: undefined, pfs: 'off' });
    assert.deepEqual(certificate, { pkcs12: '/profiles/sally.p12', passwordFile: '/profiles/password' });
  });

  it('has every key in the test set', () => {
    const text = contentOf('every-key.yaml').toString();
    const keys = Object.keys(PROFILE_SHAPES.profile).filter((key) => key !== 'psk_file' && key !== 'l2tp_secret_file');
    for (const key of keys) assert.match(text, new RegExp(`^${key}: `, 'm'), key);
  });

  it('needs no more than a gateway, a group and a secret', () => {
    const { profile, problems } = check('work.yaml', yaml());
    assert.deepEqual(problems, []);
    const { legacy, dhGroup, pfs, onLoss, dpd } = profile!;
    assert.deepEqual(
      { legacy, dhGroup, pfs, onLoss },
      { legacy: false, dhGroup: undefined, pfs: 'gateway', onLoss: 'block' },
    );
    assert.deepEqual(dpd, { idleSeconds: 20, timeoutSeconds: 60 });
  });

  it('goes by L2TP in main mode and without XAUTH, but for what it says itself', () => {
    const { profile, problems } = check('work.yaml', 'gateway: a\npsk: a-long-enough-secret\nl2tp: true\n');
    assert.deepEqual(problems, []);
    const { l2tp, xauth, exchange, identity } = profile!;
    assert.deepEqual(
      { l2tp, xauth, exchange, identity },
      { l2tp: true, xauth: false, exchange: 'main', identity: undefined },
    );
  });

  for (const [what, text, ...expected] of [
    ['an empty file', '', /must be a map of/, /^gateway: is missing/, /^psk: is missing/],
    ['an unknown key', `${yaml()}carier: esp\n`, "unknown key 'carier' at line 4, column 1; did you mean 'carrier'?"],
    [
      'a slip in a value',
      `${yaml()}carrier: natt\n`,
      "carrier: must be one of auto, nat-t, esp, cisco-udp, cisco-tcp at line 4, column 10; did you mean 'nat-t'?",
    ],
    [
      'a weak group',
      `${yaml()}dh_group: 2\npfs: 5\n`,
      'dh_group: group 2 is too weak for these days at line 4, column 11; take 14 or more, or set legacy: true',
      /^pfs: group 5 is too weak/,
    ],
    ['no secret', 'gateway: a\ngroup: g\n', /^psk: is missing/],
    [
      'a secret in a file for all',
      'gateway: a\ngroup: g\npsk_file: open\n',
      'psk_file: other users may read /profiles/open at line 3, column 11; run: chmod 600 /profiles/open',
    ],
    ['a password in a file for all', `${yaml()}password_file: open\n`, /^password_file: other users may read/],
    ['hybrid without an authority', 'gateway: a\nauthentication: hybrid\n', /^authorities: is missing/],
    [
      'hybrid without a login',
      'gateway: a\nauthentication: hybrid\nauthorities: [ca]\nxauth: false\n',
      /^hybrid proves the gateway alone/,
    ],
    [
      'two secrets of tunnels',
      `${yaml()}l2tp_secret: a\nl2tp_secret_file: b\n`,
      /^l2tp_secret_file: l2tp_secret and l2tp_secret_file are both given/,
    ],
    ['no way to prove a password', `${yaml()}l2tp_authentication: []\n`, /^l2tp_authentication: is empty.*name pap/],
    ['a way that there is not', `${yaml()}l2tp_authentication: [eap]\n`, /^l2tp_authentication\[0\]: must be /],
    ['L2TP with XAUTH', `${yaml()}l2tp: true\nxauth: true\n`, /^with l2tp it is PPP that asks for the user/],
    ['L2TP by what needs Mode-Config', `${yaml()}l2tp: true\ncarrier: cisco-udp\n`, /^L2TP can't go by cisco-udp/],
    [
      'a persona that has nothing modern',
      `${yaml()}persona: windows-xp\n`,
      'persona: windows-xp offers only old algorithms at line 4, column 10; set legacy: true, or take another persona',
    ],
    [
      'a certificate that is not named',
      'gateway: a\nauthentication: certificate\nauthorities: [ca]\n',
      /^certificate: is missing/,
    ],
    [
      'a gateway that is none',
      `gateway: [a, "b c"]\ngroup: g\npsk: a-long-enough-secret\n`,
      'gateway[1]: must be a host name or an IP address at line 1, column 14',
    ],
    [
      'dead peers found too soon',
      `${yaml()}dpd: { idle: 30, timeout: 20 }\n`,
      /^dpd: timeout \(20 s\) must be longer than idle/,
    ],
  ] as const) {
    it(`says what is wrong: ${what}`, () => assertProblems(check('a.yaml', text).problems, expected));
  }
});
