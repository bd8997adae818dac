/**
 * The configuration: defaults, every kind of mistake with its place, and noise.
 *
 * Long because it is a list: a mistake, and the words for it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CheckedConfig, checkConfig } from '../../src/config/check.ts';
import { DEFAULTS, type GatewayConfig, namesNobody, withGroup } from '../../src/config/config.ts';
import { formatProblem, formatProblemIn } from '../../src/config/problem.ts';
import { MAX_ALIASES, MAX_PROBLEMS } from '../../src/config/report.ts';
import type { ReadSecretFile } from '../../src/config/secrets.ts';
import { MAX_FILE_LENGTH } from '../../src/config/yaml.ts';
import { fromUtf8, utf8 } from '../../src/core/bytes/text.ts';
import { formatPrefix } from '../../src/core/net/address.ts';

const noFiles: ReadSecretFile = (path) => ({ wrong: `can't read ${path} (no such file)` });

function check(text: string, readSecret = noFiles): CheckedConfig {
  return checkConfig(text, { file: 'gateway.yaml', folder: '/etc/sallyport', readSecret });
}

function accepted(text: string, readSecret = noFiles): GatewayConfig {
  const { config, problems } = check(text, readSecret);
  assert.deepEqual(problems.filter(({ severity }) => severity === 'error').map(formatProblem), []);
  return config!;
}

function problems(text: string, readSecret = noFiles): string[] {
  return check(text, readSecret).problems.map(formatProblem);
}

/** Exactly this one error, and no configuration. */
function refuses(text: string, message: string): void {
  assert.deepEqual(problems(text), [message]);
  assert.equal(check(text).config, undefined);
}

describe('a right configuration', () => {
  it('may be empty: every default', () => {
    for (const text of ['', '# nothing\n', '{}', '---\n']) {
      const config = accepted(text);
      assert.equal(config.state, DEFAULTS.state);
      assert.equal(config.listen, undefined);
      assert.deepEqual(config.ports, { ike: 500, natT: 4500 });
      assert.equal(formatPrefix(config.given.pool), '10.77.0.0/24');
      assert.equal(config.policy.ciscoUdpPort, 10000);
      assert.ok(config.policy.natT && config.policy.nativeEsp && !config.policy.legacy);
      assert.equal(config.clientToClient, false);
      assert.equal(config.nat, 'off');
      assert.equal(config.keylog, undefined);
      assert.ok(namesNobody(config));
    }
  });

  it('may leave dead peers alone, and show metrics to this machine', () => {
    assert.equal(accepted('dpd: false').dpd, undefined);
    const shown = (text: string) => {
      const { address, port } = accepted(`metrics: ${text}`).metrics!;
      return [address.text, port];
    };
    assert.deepEqual(shown('127.0.0.1:9464'), ['127.0.0.1', 9464]);
    assert.deepEqual(shown('127.9.9.9:1'), ['127.9.9.9', 1]);
    assert.deepEqual(shown('"[::1]:65535"'), ['::1', 65535]);
    const wrong = 'metrics: must be a loopback address with a port, such as 127.0.0.1:9464 or "[::1]:9464"';
    for (const text of [
      '0.0.0.0:9464',
      '192.0.2.1:9464',
      '"[::]:9464"',
      '127.0.0.1',
      '127.0.0.1:0',
      '127.0.0.1:65536',
      '127.0.0.300:1',
      '9464',
      'true',
    ])
      refuses(`metrics: ${text}`, `${wrong} at line 1, column 10`);
    assert.match(problems('dpd: true')[0]!, /^dpd: must be a map of idle and timeout at line 1/);
  });

  it('has L2TP when it is asked for, with a secret to prove', () => {
    assert.equal(accepted('').policy.l2tp, undefined);
    assert.equal(accepted('l2tp: false').policy.l2tp, undefined);
    const secret = 'psk: a-long-enough-secret\n';
    assert.deepEqual(accepted(`${secret}l2tp: true`).policy.l2tp, {
      methods: ['pap', 'ms-chap-v2'],
      nbns: [],
      secret: undefined,
    });
    assert.deepEqual(accepted(`${secret}l2tp: { secret: s3cret }`).policy.l2tp?.secret, utf8('s3cret'));
    refuses(
      `${secret}l2tp: { secret: s, secret_file: f }`,
      'l2tp.secret_file: secret and secret_file are both given at line 2, column 33; keep one of them',
    );
    const given = accepted(`${secret}l2tp: { authentication: [ms-chap-v2], nbns: [10.1.0.60] }`).policy.l2tp;
    assert.deepEqual(given?.methods, ['ms-chap-v2']);
    assert.deepEqual(
      given?.nbns.map(({ text }) => text),
      ['10.1.0.60'],
    );
    assert.deepEqual(accepted(`${secret}l2tp: { authentication: [chap-md5] }`).policy.l2tp?.methods, ['chap-md5']);
    refuses(
      'l2tp: true',
      "l2tp: needs a secret that its clients prove at line 1, column 7; set 'psk' or 'psk_file' at the top level",
    );
    refuses(
      `${secret}l2tp: { authentication: [] }`,
      'l2tp.authentication: is empty at line 2, column 25; name pap, chap-md5 or ms-chap-v2',
    );
    assert.match(
      problems(`${secret}l2tp: { authentication: [chap] }`)[0]!,
      /must be one of pap, chap-md5, ms-chap-v2 at line 2/,
    );
    assert.match(
      problems(`${secret}l2tp: 1`)[0]!,
      /^l2tp: must be a map of authentication, nbns, secret and secret_file at line 2/,
    );
  });

  it('says all there is to say', () => {
    const config = accepted(
      `
state: /srv/vpn
listen: [192.0.2.1, "2001:db8::1"]
ports: { ike: 1500, nat-t: 14500 }
tun: vpn0
mtu: 1300
pool: 10.9.0.0/16
dns: [10.1.0.53, 10.1.0.54]
domain: lab.example
routes: [10.1.0.0/24, 192.0.2.7]
banner: "Welcome\\nhome"
groups:
  labgroup: { psk: labsecretpsk }
  "x y: z": { psk_file: secret, pool: 10.200.0.0/24, dns: [], domain: other.example, routes: [10.2.0.0/16],
              banner: Hi, users: [alice, "bob@example"], max_sessions: 3 }
psk: mainsecretpsk
peers: [{ id: 10.88.0.1, psk: othersecretpsk, inner: 10.88.0.0/24 }]
carriers: { nat-t: false, esp: false, cisco-udp: 20000 }
legacy: true
lifetimes: { phase1: 8h, phase2: 90, phase2_kilobytes: 250000 }
dpd: { idle: 20s, timeout: 5m }
nat: true
client_to_client: true
keylog: keys
log: { level: debug, format: json }
`,
      (path) => (path === '/etc/sallyport/secret' ? { text: 'out of a file\n' } : noFiles(path)),
    );
    assert.equal(config.state, '/srv/vpn');
    assert.deepEqual(
      config.listen?.map(({ text }) => text),
      ['192.0.2.1', '2001:db8::1'],
    );
    assert.deepEqual(config.ports, { ike: 1500, natT: 14500 });
    assert.equal(config.tun, 'vpn0');
    assert.equal(config.mtu, 1300);
    assert.deepEqual(config.lifetimes, { phase1Seconds: 28800, phase2Seconds: 90, phase2Kilobytes: 250000 });
    assert.deepEqual(config.dpd, { idleSeconds: 20, timeoutSeconds: 300 });
    assert.equal(config.nat, 'required');
    assert.equal(config.clientToClient, true);
    assert.equal(config.keylog, '/etc/sallyport/keys');
    assert.deepEqual(config.log, { level: 'debug', format: 'json' });
    const { policy } = config;
    assert.deepEqual([policy.natT, policy.nativeEsp, policy.ciscoUdpPort, policy.legacy], [false, false, 20000, true]);
    assert.deepEqual(
      policy.groups.map(({ name, psk }) => [name, fromUtf8(psk!)]),
      [
        ['labgroup', 'labsecretpsk'],
        ['x y: z', 'out of a file'],
        [undefined, 'mainsecretpsk'],
      ],
    );
    const [lab, other] = policy.groups;
    assert.equal(formatPrefix(lab!.pool), '10.9.0.0/16');
    assert.deepEqual(lab!.routes?.map(formatPrefix), ['10.1.0.0/24', '192.0.2.7/32']);
    assert.deepEqual([lab!.domain, lab!.banner, lab!.users], ['lab.example', 'Welcome\nhome', undefined]);
    assert.deepEqual(
      [formatPrefix(other!.pool), other!.dns, other!.domain, other!.banner],
      ['10.200.0.0/24', [], 'other.example', 'Hi'],
    );
    assert.deepEqual([other!.users, other!.maxSessions], [['alice', 'bob@example'], 3]);
    assert.deepEqual(
      policy.peers.map(({ id, inner }) => [id, formatPrefix(inner)]),
      [['10.88.0.1', '10.88.0.0/24']],
    );
  });

  it('takes cisco-udp as a switch too', () => {
    assert.equal(accepted('carriers: { cisco-udp: true }').policy.ciscoUdpPort, 10000);
    assert.equal(accepted('carriers: { cisco-udp: false }').policy.ciscoUdpPort, undefined);
  });

  it('takes ports for cisco-tcp, each once', () => {
    assert.deepEqual(accepted('').policy.ciscoTcpPorts, []);
    assert.deepEqual(accepted('carriers: { cisco-tcp: [10000, 443] }').policy.ciscoTcpPorts, [10000, 443]);
    const alone = 'carriers: { nat-t: false, esp: false, cisco-udp: false, cisco-tcp: [10000] }';
    assert.deepEqual(accepted(alone).policy.ciscoTcpPorts, [10000]);
  });

  it('may use anchors', () => {
    const config = accepted('groups:\n  a: &a { psk: longenoughsecret }\n  b: *a\n');
    assert.deepEqual(
      config.policy.groups.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('takes group names and keys that YAML reads as something else', () => {
    const config = accepted('groups: { 1: { psk: longenoughsecret }, true: { psk: longenoughsecret } }');
    assert.deepEqual(
      config.policy.groups.map(({ name }) => name),
      ['1', 'true'],
    );
  });

  it('a secret is taken as it is, but for the end of its line in a file', () => {
    const read: ReadSecretFile = () => ({ text: ' 0xfeed "quoted" \r\n' });
    assert.equal(fromUtf8(accepted('psk_file: x', read).policy.groups[0]!.psk!), ' 0xfeed "quoted" ');
  });

  it('withGroup gives the new group what the top level gives', () => {
    const config = withGroup(accepted('dns: [10.1.0.53]'), 'first', utf8('secret'));
    assert.equal(config.policy.groups[0]!.dns[0]!.text, '10.1.0.53');
    assert.ok(!namesNobody(config));
  });
});

describe('a mistake', () => {
  it('in a key: the nearest one is named', () => {
    refuses(
      'groups:\n  other: { psk: longenoughsecret }\n  labgroup: { pks: labsecretpsk }\n',
      "groups.labgroup: unknown key 'pks' at line 3, column 15; did you mean 'psk'?",
    );
    refuses('pol: 10.0.0.0/24', "unknown key 'pol' at line 1, column 1; did you mean 'pool'?");
    refuses('carriers: { nat_t: true }', "carriers: unknown key 'nat_t' at line 1, column 13; did you mean 'nat-t'?");
    assert.match(problems('zzzzzzzz: 1')[0]!, /unknown key 'zzzzzzzz' at line 1, column 1; known are state, listen/);
  });

  const longSecret = 'longenoughsecret';
  const cases: readonly (readonly [text: string, message: string])[] = [
    ['listen: [192.0.2.300]', 'listen[0]: must be an IP address at line 1, column 10'],
    ['listen: 192.0.2.3', 'listen: must be a list of IP addresses at line 1, column 9; put it in square brackets'],
    ['listen: []', 'listen: is empty at line 1, column 9; leave it out to listen on all addresses'],
    [
      'pool: 10.77.0.5/24',
      'pool: must be an IPv4 network such as 10.1.0.0/24 at line 1, column 7; did you mean 10.77.0.0/24?',
    ],
    ['pool: 2001:db8::/64', 'pool: must be an IPv4 network such as 10.1.0.0/24 at line 1, column 7'],
    [
      'pool: 10.77.0.0/31',
      'pool: 10.77.0.0/31 is too small for a pool at line 1, column 7; /30 holds one client, /24 253',
    ],
    ['pool: 0.0.0.0/0', 'pool: 0.0.0.0/0 is too large for a pool at line 1, column 7; /8 is the largest'],
    ['dns: [fe80::1]', 'dns[0]: must be an IPv4 address at line 1, column 7'],
    ['pool:', 'pool: must be an IPv4 network such as 10.1.0.0/24 at line 1, column 6'],
    ['mtu: 100', 'mtu: must be a whole number from 576 to 9000 at line 1, column 6'],
    ['mtu: 1300.5', 'mtu: must be a whole number from 576 to 9000 at line 1, column 6'],
    ['legacy: yes', 'legacy: must be true or false at line 1, column 9; write true'],
    ['nat: "off"', 'nat: must be true or false at line 1, column 6; write false'],
    ['mtu: "1300"', 'mtu: must be a whole number from 576 to 9000 at line 1, column 6; write it without quotes'],
    [
      'routes: [10.1.0.0]',
      'routes[0]: must be an IPv4 network such as 10.1.0.0/24 at line 1, column 10; did you mean 10.1.0.0/16?',
    ],
    [
      'routes: [0.0.0.0]',
      'routes[0]: must be an IPv4 network such as 10.1.0.0/24 at line 1, column 10; did you mean 0.0.0.0/0?',
    ],
    [
      'listen: ["192.0.2.1:500"]',
      "listen[0]: must be an IP address at line 1, column 10; without a port; 'ports' sets those",
    ],
    [
      'users: { ann: secret }',
      "unknown key 'users' at line 1, column 1; users are not kept here: 'sallyport user add NAME' adds one",
    ],
    [
      'log: debug',
      'log: must be a map of level and format at line 1, column 6; write KEY: VALUE on lines of their own',
    ],
    [
      'peers: [{ id: a, inner: 10.1.0.0/24 }]',
      "peers[0]: has no secret at line 1, column 9; give it a psk or a psk_file, or set 'certificate' and 'authorities'",
    ],
    [
      'tun: way-too-long-for-linux',
      'tun: must be an interface name of at most 15 letters, digits, dots, dashes and underscores at line 1, column 6',
    ],
    ['domain: not a domain', 'domain: must be a domain name at line 1, column 9'],
    ['groups: [a]', 'groups: must be a map of names at line 1, column 9; each entry is NAME: { ... }, without a dash'],
    [
      'groups: { a: }',
      'groups.a: must be a map of psk, psk_file, authentication, pool, dns, domain, routes, banner, idle_timeout, session_timeout, users and max_sessions at line 1, column 14',
    ],
    [
      'groups: { a: {} }',
      "groups.a: has no secret at line 1, column 14; give it a psk or a psk_file, or an 'authentication' that needs none: [hybrid] or [certificate]",
    ],
    [
      'groups: { a: { psk: 12345678 } }',
      'groups.a.psk: must be a text of 1 to 256 bytes at line 1, column 21; put it in quotes',
    ],
    [
      `groups: { a: { psk: ${longSecret}, users: [a b] } }`,
      'groups.a.users[0]: must be a user name: 1 to 64 visible characters without spaces at line 1, column 47',
    ],
    [
      `psk: ${longSecret}\npsk_file: x`,
      'psk_file: psk and psk_file are both given at line 2, column 11; keep one of them',
    ],
    ['psk_file: x', "psk_file: can't read /etc/sallyport/x (no such file) at line 1, column 11"],
    [
      `peers: [{ psk: ${longSecret} }]`,
      'peers[0]: has no id at line 1, column 9; name the address or the name it proves',
    ],
    [
      'carriers: { cisco-udp: 4500 }',
      'carriers.cisco-udp: port 4500 carries IKE already at line 1, column 24; take another; clients know 10000',
    ],
    [
      'carriers: { cisco-udp: 0 }',
      'carriers.cisco-udp: must be a port from 1 to 65535, or true or false at line 1, column 24',
    ],
    [
      'carriers: { nat-t: false, esp: false, cisco-udp: false }',
      'carriers: every carrier is off, so no packet could pass at line 1, column 11; leave one on',
    ],
    ['ports: { ike: 4500 }', 'ports.ike: ike and nat-t are the same port at line 1, column 15'],
    [
      'ports: { ike: 10000 }',
      'ports.ike: port 10000 carries IKE already at line 1, column 15; take another; clients know 10000',
    ],
    ['dpd: { idle: 2m, timeout: 30s }', 'dpd: timeout (30 s) must be longer than idle (120 s) at line 1, column 6'],
    [
      'lifetimes: { phase1: 8 hours }',
      'lifetimes.phase1: must be a duration such as 45s, 15m or 8h, from 60 to 604800 seconds at line 1, column 22; did you mean 8h?',
    ],
    ['log: { level: loud }', 'log.level: must be one of trace, debug, info, warn, error at line 1, column 15'],
    ['log: { format: jsn }', "log.format: must be one of pretty, json at line 1, column 16; did you mean 'json'?"],
    ['nat: true\nnat: false', 'this key is there twice at line 2, column 1'],
    ['just text', 'must be a map of'],
    ['- a', 'must be a map of'],
    ['{ ? [a] : b }', 'a key must be plain text at line 1, column 5'],
    ['psk: !vault x', 'a tag (!name) that YAML does not know at line 1, column 6'],
    ['psk: *nowhere', 'psk: an alias (*name) without its anchor (&name) at line 1, column 6'],
    ['a: 1\n---\nb: 2', 'a second document (---); one file holds one configuration at line 2, column 1'],
    ['psk: "', 'a character is missing'],
    ['groups:\n\ta: 1', 'a tab in the indentation; YAML wants spaces at line 2, column 1'],
  ];
  for (const [text, message] of cases) {
    it(`${JSON.stringify(text)}: ${message}`, () => {
      const found = problems(text);
      assert.ok(found[0]?.startsWith(message), found.join('\n'));
      assert.equal(check(text).config, undefined);
    });
  }

  it('is never alone: all are reported, in the order of the file', () => {
    const found = check('mtu: 1\nlgacy: true\ndns: [a, 10.0.0.1, b]\npool: x\n').problems;
    assert.deepEqual(
      found.map(({ line, path }) => `${line} ${path}`),
      ['1 mtu', '2 ', '3 dns[0]', '3 dns[2]', '4 pool'],
    );
  });

  it('is named with its file for people and editors', () => {
    const [problem] = check('pol: 1').problems;
    assert.equal(
      formatProblemIn('gateway.yaml', problem!),
      "gateway.yaml:1:1: unknown key 'pol' at line 1, column 1; did you mean 'pool'?",
    );
  });

  it('pools are equal or apart', () => {
    const groups = (pool: string) => `pool: 10.77.0.0/24\ngroups:\n  a: { psk: ${longSecret}, pool: ${pool} }\n`;
    accepted(groups('10.77.0.0/24'));
    accepted(groups('10.78.0.0/24'));
    for (const pool of ['10.77.0.0/25', '10.77.0.0/16']) {
      refuses(
        groups(pool),
        'groups.a.pool: overlaps the pool 10.77.0.0/24 at line 3, column 37; make the two equal or apart',
      );
    }
    const two = `${groups('10.80.0.0/16')}  b: { psk: ${longSecret}, pool: 10.80.1.0/24 }\n`;
    refuses(two, 'groups.b.pool: overlaps the pool 10.80.0.0/16 at line 4, column 37; make the two equal or apart');
  });

  it("a peer's network is its own, and so is its id", () => {
    const peer = (id: string, inner: string) => `{ id: ${id}, psk: ${longSecret}, inner: ${inner} }`;
    assert.match(problems(`peers: [${peer('a', '10.77.0.0/16')}]`)[0]!, /peers\[0\]\.inner: overlaps 10\.77\.0\.0\/24/);
    assert.match(
      problems(`peers: [${peer('a', '10.1.0.0/16')}, ${peer('b', '10.1.2.0/24')}]`)[0]!,
      /peers\[1\]\.inner: overlaps/,
    );
    assert.match(
      problems(`peers: [${peer('a', '10.1.0.0/16')}, ${peer('a', '10.2.0.0/16')}]`)[0]!,
      /peers\[1\]\.id: another peer/,
    );
  });
});

describe('secrets', () => {
  it('are not told when the space behind the colon is missing', () => {
    const longSecret = 'longenoughsecret';
    for (const text of [
      `groups: { a: { psk:${longSecret} } }`,
      `groups:\n  a:\n    psk:${longSecret}\n`,
      `psk:${longSecret}: x`,
      `pks:${longSecret}: x`,
    ]) {
      const found = problems(text).join('\n');
      assert.ok(found.length > 0 && !found.includes(longSecret), found);
    }
    assert.deepEqual(problems(`groups: { a: { psk:${longSecret} } }`), [
      "groups.a: no value for 'psk' at line 1, column 16; a space belongs behind the colon",
    ]);
  });

  it('a short one is a warning', () => {
    const { config, problems: found } = check('psk: elevenchars');
    assert.ok(config);
    assert.deepEqual(
      found.map(({ severity }) => severity),
      ['warning'],
    );
    assert.deepEqual(check('psk: twelve-chars').problems, []);
  });

  it('inline ones are noticed wherever they stand', () => {
    for (const text of ['psk: s', 'groups: { a: { psk: s } }', 'peers: [{ psk: s }]', 'l2tp: { secret: s }']) {
      assert.equal(check(text).holdsSecret, true, text);
    }
    assert.equal(check('psk_file: s').holdsSecret, false);
  });

  it('are in no message, wherever the mistake is', () => {
    const secret = 'Tr0ub4dor';
    const texts = [
      `groups: { a: ${secret} }`,
      `groups: { a: [${secret}] }`,
      `groups: { a: { psk: [${secret}] } }`,
      `psk: { a: ${secret} }`,
      `psk: "${secret}\\q"`,
      `psk: '${secret}' ${secret}`,
      `psk: ${secret}: ${secret}`,
      `psk: @${secret}`,
      `psk: %${secret}`,
      `psk: "${secret}`,
      `psk: ${secret}\n ${secret}: b\n  c`,
      `psk: !!int ${secret}`,
      `psk: ${secret.repeat(100)}`,
    ];
    for (const text of texts) {
      const found = problems(text);
      assert.ok(found.length > 0, text);
      // Where it stands as a key, it is one.
      for (const message of found) if (!message.includes('unknown key')) assert.ok(!message.includes(secret), message);
    }
  });
});

describe('noise', () => {
  it('an alias that leads nowhere is told of once', () => {
    for (const key of ['dpd', 'l2tp', 'listen']) assert.equal(problems(`${key}: *nowhere`).length, 1, key);
  });

  it('aliases are bounded', () => {
    const rows = ['x: &a0 [b, b, b, b, b, b, b, b, b, b]'];
    for (let i = 1; i < 12; i++) rows.push(`x${i}: &a${i} [${new Array(10).fill(`*a${i - 1}`).join(', ')}]`);
    assert.ok(problems(`${rows.join('\n')}\ndns: *a11\nroutes: *a11\n`).length > 0);
    const many = `x: &a a\ndns: [${new Array(MAX_ALIASES + 5).fill('*a').join(', ')}]`;
    assert.ok(check(many).problems.length <= MAX_PROBLEMS);
    accepted(
      `groups:\n  a: &a { psk: longenoughsecret }\n${Array.from({ length: MAX_ALIASES }, (_, i) => `  g${i}: *a\n`).join('')}`,
    );
    const oneMore = `groups:\n  a: &a { psk: longenoughsecret }\n${Array.from({ length: MAX_ALIASES + 1 }, (_, i) => `  g${i}: *a\n`).join('')}`;
    refuses(
      oneMore,
      `groups.g${MAX_ALIASES}: more than ${MAX_ALIASES} aliases in one file at line ${MAX_ALIASES + 3}, column 9`,
    );
  });

  it('an alias to itself ends', () => {
    assert.ok(problems('groups: &a { b: *a }').length > 0);
    assert.ok(problems('dns: &a [*a]').length > 0);
  });

  it('length, depth and the number of problems are bounded', () => {
    assert.match(problems(`# ${'x'.repeat(MAX_FILE_LENGTH)}`)[0]!, /longer than/);
    assert.ok(problems('['.repeat(100_000)).length > 0);
    assert.equal(problems(`dns: [${new Array(500).fill('x').join()}]`).length, 1);
    assert.equal(problems(Array.from({ length: 500 }, (_, i) => `zz${i}: 1`).join('\n')).length, MAX_PROBLEMS);
    const warnings = Array.from({ length: 500 }, (_, i) => `  g${i}: { psk: a }`).join('\n');
    assert.equal(check(`groups:\n${warnings}\nmtu: 1`).config, undefined, 'an error behind many warnings still counts');
  });

  it('ten thousand mutations of a configuration: no crash, always a place', () => {
    const seed = Number(process.env.SEED ?? 1);
    const random = generator(seed);
    for (let round = 0; round < 10_000; round++) {
      const text = mutate(SAMPLE, random);
      const { config, problems: found } = check(text);
      const errors = found.filter(({ severity }) => severity === 'error');
      assert.equal(config === undefined, errors.length > 0, `seed ${seed}, round ${round}:\n${text}`);
      for (const { line, column, what } of found) {
        assert.ok(line >= 1 && column >= 1 && what !== '', `seed ${seed}, round ${round}:\n${text}`);
        assert.ok(line <= text.split(/\r\n|\n/).length + 1, `seed ${seed}, round ${round}:\n${text}`);
      }
    }
  });
});

const SAMPLE = `state: /var/lib/sallyport
listen: [192.0.2.1, "2001:db8::1"]
tun: sp0
pool: 10.77.0.0/24
dns: [10.1.0.53]
routes: &routes
  - 10.1.0.0/24
banner: |
  Welcome
  home
groups:
  labgroup: { psk: labsecretpsk, routes: *routes, users: [alice] }
  'second': { psk: "labsecret\\tpsk", max_sessions: 4 }
peers: [{ id: 10.88.0.1, psk: otherotherother, inner: 10.88.0.0/24 }]
carriers: { nat-t: true, esp: true, cisco-udp: 10000 }
lifetimes: { phase1: 8h }
log: { level: info }
`;

const PIECES = [
  ':',
  ' ',
  '\n',
  '\t',
  '-',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  "'",
  '&a',
  '*a',
  '*routes',
  '!!map',
  '!x',
  '%YAML 1.1\n---\n',
  '|',
  '>',
  '?',
  '<<',
  '#',
  '\0',
  '\u2028',
  '\ud800',
  '🔑',
  'null',
  '~',
  '1e9',
  '0x1f',
  'on',
  '---\n',
  '...\n',
  '!!set',
  '!!binary',
  '!!omap',
  '\\',
];

function mutate(text: string, random: () => number): string {
  let result = text;
  for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) {
    const at = Math.floor(random() * result.length);
    const length = Math.floor(random() * 12);
    const piece =
      random() < 0.5
        ? PIECES[Math.floor(random() * PIECES.length)]!
        : result.slice(Math.floor(random() * result.length)).slice(0, length);
    result = result.slice(0, at) + piece + result.slice(at + (random() < 0.5 ? length : 0));
  }
  return result;
}

/** xorshift32: the same rounds for the same seed. */
function generator(seed: number): () => number {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
