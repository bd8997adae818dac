/** A .pcf into a profile: every key of it, its encodings, and what doesn't fit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PCF_HONOURED, PCF_WITHOUT_MEANING } from '../../../src/config/profile/pcf-keys.ts';
import { hideSecret } from './hide-secret.ts';
import { assertProblems, byPlaceIn, check, checkFile, contentOf, PLAIN, pcf, shown } from './profiles.ts';

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
