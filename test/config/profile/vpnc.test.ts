/** A file of vpnc's into a profile: every key of it, and what doesn't fit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VPNC_HONOURED, VPNC_WITHOUT_MEANING } from '../../../src/config/profile/vpnc-keys.ts';
import { assertProblems, byPlaceIn, check, checkFile, contentOf, PLAIN, shown, vpnc } from './profiles.ts';

describe('a profile of vpnc', () => {
  it('is read as in its manual', () => {
    const { profile, problems } = checkFile('manual.conf');
    assert.deepEqual(problems, []);
    assert.deepEqual(shown(profile!), {
      ...PLAIN,
      name: 'manual',
      file: '/profiles/manual.conf',
      format: 'vpnc',
      gateways: ['vpn.example.com'],
      gatewayIdentities: ['vpn.example.com'],
      identity: 'ExampleVpnPSK',
      // With the space at its end, as vpnc does.
      psk: 'PskS3cret! ',
      user: 'user@example.com',
      password: 'USecr3t',
      localLan: true,
    });
  });

  it('is read with every key there is', () => {
    const { profile } = checkFile('every-key.conf');
    assert.deepEqual(shown(profile!), {
      ...PLAIN,
      name: 'every-key',
      file: '/profiles/every-key.conf',
      format: 'vpnc',
      gateways: ['vpn.example.com'],
      gatewayIdentities: ['vpn.example.com'],
      identity: 'Example Staff',
      psk: 'group secret of Example',
      authorities: ['/profiles/ca.pem'],
      user: 'sally',
      domain: 'CORP',
      carrier: 'cisco-udp',
      routes: ['10.0.0.0/8'],
      target: '10.0.0.0/8',
      localLan: true,
      applicationVersion: 'Example 1.0',
      dhGroup: 14,
      pfs: 5,
      dpd: { idleSeconds: 60, timeoutSeconds: 150 },
      tun: 'vpn7',
      mtu: 1300,
    });
  });

  it('says of each key that would be missed that it has no meaning here', () => {
    const said = checkFile('every-key.conf').problems.map(
      (problem) => /^warning: ([\w -]+): has no meaning here at /.exec(problem)?.[1],
    );
    const missed = Object.entries(VPNC_WITHOUT_MEANING).filter(([, key]) => key.missed);
    assert.deepEqual(said, missed.map(([name]) => name).toSorted(byPlaceIn('every-key.conf')));
  });

  it('has every key in the test set', () => {
    const text = ['every-key.conf', 'manual.conf', 'hybrid.conf'].map(contentOf).join('\n');
    const keys = [...Object.keys(VPNC_HONOURED), ...Object.keys(VPNC_WITHOUT_MEANING)];
    for (const key of keys.filter((name) => name !== 'Enable no encryption')) assert.ok(text.includes(`\n${key}`), key);
  });

  it('with hybrid authentication names authorities, in a file or in a folder', () => {
    const { profile, problems } = checkFile('hybrid.conf');
    assert.deepEqual(problems, []);
    assert.equal(profile!.authentication, 'hybrid');
    assert.equal(profile!.mayAsk, false);
    assert.deepEqual(profile!.authorities, ['/profiles/vpn-example-com.pem']);
    const folder = check('a.conf', `${vpnc()}IKE Authmode hybrid\nCA-Dir /etc/ssl/certs\n`);
    assert.deepEqual(folder.profile!.authorities, ['/etc/ssl/certs/02265526.0', '/etc/ssl/certs/02265526.1']);
    const usual = check('a.conf', `${vpnc()}IKE Authmode hybrid\n`);
    assert.deepEqual(usual.profile!.authorities, folder.profile!.authorities);
  });

  for (const [mode, carrier] of [
    ['natt', 'auto'],
    ['none', 'esp'],
    ['force-natt', 'nat-t'],
    ['cisco-udp', 'cisco-udp'],
  ]) {
    it(`takes the carrier from NAT Traversal Mode ${mode}`, () => {
      assert.equal(check('a.conf', `${vpnc()}NAT Traversal Mode ${mode}\n`).profile!.carrier, carrier);
    });
  }

  it('turns off what 0 turns off', () => {
    const { profile } = check('a.conf', `${vpnc()}DPD idle timeout (our side) 0\nInterface MTU 0\n`);
    assert.equal(profile!.dpd, undefined);
    assert.equal(profile!.mtu, undefined);
  });

  for (const [what, text, ...expected] of [
    [
      'no encryption',
      `${vpnc()}Enable no encryption\n`,
      'Enable no encryption: is refused: a tunnel without encryption protects nothing at line 4, column 1; take it out',
    ],
    [
      'a certificate',
      `${vpnc()}IKE Authmode cert\nCA-File ca.pem\n`,
      /^IKE Authmode: vpnc's format can't name your certificate/,
    ],
    [
      'a folder without authorities',
      `${vpnc()}IKE Authmode hybrid\nCA-Dir empty\n`,
      'CA-Dir: /profiles/empty holds no certificate of an authority at line 5, column 8; set CA-File',
    ],
    [
      'a folder that is not there',
      `${vpnc()}IKE Authmode hybrid\nCA-Dir none\n`,
      "CA-Dir: can't read /profiles/none (no such file or folder) at line 5, column 8; set CA-File",
    ],
    [
      'a key without its value',
      `${vpnc()}Domain\n`,
      'Domain: has no value at line 4, column 1; it follows after one space',
    ],
    [
      'an unknown key',
      `${vpnc()}Domian CORP\n`,
      "warning: unknown key 'Domian' at line 4, column 1; did you mean 'Domain'?",
    ],
    ['a group nobody could wait for', `${vpnc()}IKE DH Group dh18\n`, /^IKE DH Group: must be one of dh2, dh5, dh14/],
    [
      'an MTU too small',
      `${vpnc()}Interface MTU 100\n`,
      'Interface MTU: must be 0 or from 576 to 9000 at line 4, column 15',
    ],
    [
      'a mask that is none',
      `${vpnc()}IPSEC target network 10.0.0.0/255.0.255.0\n`,
      /^IPSEC target network: must be a network/,
    ],
    [
      'nothing to be asked',
      `${vpnc()}Noninteractive\n`,
      /^nothing may be asked, and user and password are not both there/,
    ],
    ['no secret', 'IPSec gateway a\nIPSec ID g\n', /^IPSec secret: is missing/],
  ] as const) {
    it(`says what is wrong: ${what}`, () => assertProblems(check('a.conf', text).problems, expected));
  }
});
