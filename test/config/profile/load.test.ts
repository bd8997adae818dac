/** Each format into the one shape: every key of it, and what doesn't fit. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigError } from '../../../src/config/problem.ts';
import { profileName } from '../../../src/config/profile/draft.ts';
import { checkProfileFile, loadProfile } from '../../../src/config/profile/load.ts';
import { PCF_HONOURED, PCF_WITHOUT_MEANING } from '../../../src/config/profile/pcf-keys.ts';
import type { Profile } from '../../../src/config/profile/profile.ts';
import { VPNC_HONOURED, VPNC_WITHOUT_MEANING } from '../../../src/config/profile/vpnc-keys.ts';
import { PROFILE_SHAPES } from '../../../src/config/profile/yaml-schema.ts';
import { formatPrefix } from '../../../src/core/net/address.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { hideSecret } from './hide-secret.ts';
import { check, checkFile, contentOf } from './profiles.ts';

/** As text, so that a profile can be compared as a whole. */
function shown({ psk, routes, target, ...rest }: Profile) {
  return {
    ...rest,
    psk: psk && Buffer.from(psk).toString(),
    routes: routes?.map(formatPrefix),
    target: target && formatPrefix(target),
  };
}

const PLAIN = {
  exchange: 'aggressive',
  authentication: 'psk',
  xauth: true,
  certificate: undefined,
  authorities: [],
  user: undefined,
  password: undefined,
  domain: undefined,
  mayAsk: true,
  carrier: 'auto',
  ports: { ike: 500, natT: 4500, ciscoUdp: undefined, ciscoTcp: 10000 },
  routes: undefined,
  target: undefined,
  dns: true,
  splitDns: true,
  localLan: false,
  onLoss: 'block',
  persona: undefined,
  applicationVersion: undefined,
  legacy: true,
  dhGroup: 2,
  pfs: 'gateway',
  dpd: { idleSeconds: 20, timeoutSeconds: 60 },
  tun: undefined,
  mtu: undefined,
};

describe("a profile of Cisco's client", () => {
  it('is read as the client writes it, without a word', () => {
    const { profile, problems } = checkFile('as-the-client-writes-it.pcf');
    assert.deepEqual(problems, []);
    assert.deepEqual(shown(profile!), {
      ...PLAIN,
      name: 'as-the-client-writes-it',
      file: '/profiles/as-the-client-writes-it.pcf',
      format: 'pcf',
      gateways: ['vpn.example.com'],
      gatewayIdentities: ['vpn.example.com'],
      identity: 'Example Staff',
      psk: 'group secret of Example',
      dpd: { idleSeconds: 20, timeoutSeconds: 90 },
    });
  });

  it('is read with every key there is', () => {
    const { profile } = checkFile('every-key.pcf');
    assert.deepEqual(shown(profile!), {
      ...PLAIN,
      name: 'every-key',
      file: '/profiles/every-key.pcf',
      format: 'pcf',
      gateways: ['192.0.2.1', 'vpn2.example.com', '2001:db8::7', 'vpn3.example.com'],
      gatewayIdentities: ['gateway.example.com'],
      identity: 'Example Staff',
      psk: 'group secret of Example',
      certificate: { chain: '/profiles/sally.pem', key: '/profiles/sally.key' },
      authorities: ['/profiles/ca.pem'],
      user: 'sally',
      password: 'user secret',
      domain: 'CORP',
      carrier: 'cisco-tcp',
      ports: { ike: 500, natT: 4500, ciscoUdp: undefined, ciscoTcp: 443 },
      routes: ['10.1.0.0/16', '10.2.3.0/24'],
      splitDns: false,
      localLan: true,
      legacy: false,
      dhGroup: 14,
      dpd: { idleSeconds: 20, timeoutSeconds: 480 },
      tun: 'vpn7',
    });
  });

  it('says of each key that would be missed that it has no meaning here', () => {
    const { problems } = checkFile('every-key.pcf');
    const said = problems.map((problem) => /^warning: ([\w-]+): has no meaning here at /.exec(problem)?.[1]);
    const missed = Object.entries(PCF_WITHOUT_MEANING).filter(([, key]) => key.missed);
    assert.deepEqual(said, missed.map(([name]) => name).toSorted(byPlaceIn('every-key.pcf')));
  });

  it('has every key in the test set', () => {
    const text = contentOf('every-key.pcf').toString().toLowerCase();
    for (const key of [...Object.keys(PCF_HONOURED), ...Object.keys(PCF_WITHOUT_MEANING)]) {
      assert.match(text, new RegExp(`^!?${key.toLowerCase()} ?=`, 'm'), key);
    }
  });

  it('names authorities and certificates by keys of ours or of NetworkManager', () => {
    const hybrid = checkFile('hybrid.pcf');
    assert.deepEqual(hybrid.problems, []);
    assert.equal(hybrid.profile!.authentication, 'hybrid');
    assert.deepEqual(hybrid.profile!.authorities, ['/profiles/ca.pem']);
    const certificate = checkFile('certificate.pcf');
    assert.deepEqual(certificate.problems, []);
    assert.equal(certificate.profile!.exchange, 'main');
    assert.deepEqual(certificate.profile!.certificate, { chain: '/profiles/sally.pem', key: '/profiles/sally.key' });
  });

  for (const [nat, mode, carrier] of [
    ['1', '0', 'auto'],
    ['1', '1', 'cisco-tcp'],
    ['0', '0', 'esp'],
    ['0', '1', 'esp'],
    ['', '', 'auto'],
  ]) {
    it(`takes the carrier from EnableNat=${nat} and TunnelingMode=${mode}`, () => {
      assert.equal(check('a.pcf', `${pcf()}EnableNat=${nat}\nTunnelingMode=${mode}\n`).profile!.carrier, carrier);
    });
  }

  it('asks backup gateways only when they are enabled', () => {
    const text = `${pcf()}BackupServer=vpn2.example.com\n`;
    assert.deepEqual(check('a.pcf', text).profile!.gateways, ['vpn.example.com']);
    assert.equal(check('a.pcf', `${text}EnableBackup=1\n`).profile!.gateways.length, 2);
  });

  for (const [what, content, password] of [
    ['UTF-8 with a mark', Buffer.from(`\ufeff${pcf()}UserPassword=grün\n`), 'grün'],
    ['Latin-1', Buffer.from(`${pcf()}UserPassword=grün\n`, 'latin1'), 'grün'],
    ['UTF-16', Buffer.from(`\ufeff${pcf()}UserPassword=grün\n`, 'utf16le'), 'grün'],
    ['CR LF', Buffer.from(`${pcf()}UserPassword=plain\n`.replaceAll('\n', '\r\n')), 'plain'],
    ['CR', Buffer.from(`${pcf()}UserPassword=plain\n`.replaceAll('\n', '\r')), 'plain'],
  ] as const) {
    it(`is read in ${what}`, () => {
      const { profile, problems } = check('a.pcf', content);
      assert.deepEqual(problems, []);
      assert.equal(profile!.password, password);
    });
  }

  it("keeps a secret's bytes as they are", () => {
    const content = Buffer.from('[main]\nHost=a\nGroupName=g\nGroupPwd=grün\n', 'latin1');
    assert.deepEqual([...check('a.pcf', content).profile!.psk!], [...Buffer.from('grün', 'latin1')]);
    const hidden = `[main]\nHost=a\nGroupName=g\nenc_GroupPwd=${hideSecret(Buffer.from([1, 0xff, 2]))}\n`;
    assert.deepEqual([...check('a.pcf', hidden).profile!.psk!], [1, 0xff, 2]);
  });

  for (const [what, text, ...expected] of [
    [
      'an empty file',
      '',
      'has no section [main] at line 1, column 1; a .pcf begins with it',
      /^Host: is missing/,
      /^GroupName: is missing/,
      /^GroupPwd: is missing/,
    ],
    ['no host', '[main]\nGroupName=g\nGroupPwd=s\n', /^Host: is missing/],
    [
      'a bad host',
      `[main]\nHost=two words\nGroupName=g\nGroupPwd=s\n`,
      'Host: must be a host name or an IP address at line 2, column 6',
    ],
    [
      'a wrong checksum',
      `[main]\nHost=a\nGroupName=g\nenc_GroupPwd=${hideSecret('x').replace(/..$/, '00')}\n`,
      'enc_GroupPwd: is cut or changed: its checksum is wrong at line 4, column 14; copy it anew, all of it',
    ],
    [
      'an authentication nobody knows',
      '[main]\nHost=a\nAuthType=4\nGroupName=g\nGroupPwd=s',
      'AuthType: must be one of 1, 3, 5 at line 3, column 10',
    ],
    ['a broken group', `${pcf()}DHGroup=1\n`, 'DHGroup: must be one of 2, 5, 14, 15, 16, 19, 20 at line 5, column 9'],
    [
      'a port that is none',
      `${pcf()}TcpTunnelingPort=65536\n`,
      'TcpTunnelingPort: must be a whole number from 1 to 65535 at line 5, column 18',
    ],
    ['no authority', '[main]\nHost=a\nGroupName=g\nAuthType=5\n', /^X-Sallyport-Authorities: is missing/],
    ['no certificate', '[main]\nHost=a\nAuthType=3\nX-NM-CA-File=ca.pem\n', /^X-Sallyport-Certificate: is missing/],
    [
      'half a certificate',
      '[main]\nHost=a\nAuthType=3\nX-NM-CA-File=ca.pem\nX-Sallyport-Key=k\n',
      /^X-Sallyport-Key: X-Sallyport-Certificate and X-Sallyport-Key go together/,
    ],
    [
      'an unknown key',
      `${pcf()}Usrname=x\n`,
      "warning: unknown key 'Usrname' at line 5, column 1; did you mean 'Username'?",
    ],
    [
      'a key there twice',
      `${pcf()}HOST=other\n`,
      'warning: Host: is there twice; the first one counts at line 5, column 1',
    ],
    ['a line that is nothing', `${pcf()}nothing\n`, 'warning: a line that is no KEY=VALUE at line 5, column 1'],
    ['another section', `${pcf()}[other]\nHost=b\n`, 'warning: only the section [main] is read at line 5, column 1'],
  ] as const) {
    it(`says what is wrong: ${what}`, () => assertProblems(check('a.pcf', text).problems, expected));
  }
});

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
      "CA-Dir: can't read /profiles/none (no such file) at line 5, column 8; set CA-File",
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
    const keys = Object.keys(PROFILE_SHAPES.profile).filter((key) => key !== 'psk_file');
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

describe('the format', () => {
  it('is known by what a file holds, else by its name', () => {
    for (const name of ['a', 'a.txt', 'a.yaml', 'a.conf', 'a.pcf']) {
      assert.equal(check(name, pcf()).profile!.format, 'pcf');
      assert.equal(check(name, vpnc()).profile!.format, 'vpnc');
    }
    assert.equal(check('a', yaml()).profile!.format, 'yaml');
  });
});

describe('a file with a secret that others may read', () => {
  it('is refused if it is ours, and a warning if it was handed out like that', (test) => {
    const ours = written(test, 'work.yaml', yaml(), 0o644);
    const { profile, problems } = checkProfileFile(ours, nodeCrypto);
    assert.equal(profile, undefined);
    assert.deepEqual(
      problems.map(({ severity, what, hint }) => [severity, what, hint]),
      [['error', 'it holds a secret, and other users may read it', `run: chmod 600 ${ours}`]],
    );
    assert.throws(() => loadProfile(ours, nodeCrypto), ConfigError);
    chmodSync(ours, 0o600);
    assert.deepEqual(loadProfile(ours, nodeCrypto).warnings, []);
    for (const [name, text] of [
      ['work.pcf', pcf()],
      ['work.conf', vpnc()],
    ] as const) {
      const { warnings } = loadProfile(written(test, name, text, 0o644), nodeCrypto);
      assert.deepEqual(
        warnings.map(({ severity }) => severity),
        ['warning'],
      );
    }
    const without = written(test, 'peer.yaml', contentOf('peer.yaml').toString(), 0o644);
    assert.deepEqual(loadProfile(without, nodeCrypto).warnings, []);
  });

  it('that is not there says so', () => {
    assert.throws(() => loadProfile('/none/work.pcf', nodeCrypto), /can't be read \(no such file\)/);
  });
});

function pcf(): string {
  return '[main]\nHost=vpn.example.com\nGroupName=staff\nGroupPwd=secret\n';
}

function vpnc(): string {
  return 'IPSec gateway vpn.example.com\nIPSec ID staff\nIPSec secret secret\n';
}

function yaml(): string {
  return 'gateway: vpn.example.com\ngroup: staff\npsk: a-long-enough-secret\n';
}

function assertProblems(problems: readonly string[], expected: readonly (string | RegExp)[]): void {
  assert.equal(problems.length, expected.length, problems.join('\n'));
  for (const [i, pattern] of expected.entries()) {
    if (typeof pattern === 'string') assert.equal(problems[i], pattern);
    else assert.match(problems[i]!, pattern);
  }
}

/** Compares keys by where they stand in a file. */
function byPlaceIn(name: string): (a: string, b: string) => number {
  const text = contentOf(name).toString().toLowerCase();
  return (a, b) => text.indexOf(`\n${a.toLowerCase()}`) - text.indexOf(`\n${b.toLowerCase()}`);
}

function written(test: TestContext, name: string, text: string, mode: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-profile-'));
  test.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe("a profile's name", () => {
  for (const [file, name] of [
    ['/a/work.pcf', 'work'],
    ['work', 'work'],
    ['v1.2', 'v1.2'],
    ['Academic Network.PCF', 'Academic_Network'],
    ['Zürich.yaml', 'Zurich'],
    ['...conf', 'profile'],
    ['/a/../b/.hidden.yml', 'hidden'],
    [`${'x'.repeat(200)}.yaml`, 'x'.repeat(64)],
  ] as const) {
    it(`of ${file.slice(0, 30)} is ${name.slice(0, 30)}`, () => assert.equal(profileName(file), name));
  }
});
