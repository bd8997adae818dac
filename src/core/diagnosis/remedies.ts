/** Remedies that several rules give: one wording, one place. */
import { needOf, type Side } from '../openings/firewall.ts';
import { ciscoAsa } from '../openings/firewalls/cisco-asa.ts';
import { nftables } from '../openings/firewalls/nftables.ts';
import { windows } from '../openings/firewalls/windows.ts';
import { type Carrier, type CarrierPorts, STANDARD_PORTS } from '../openings/openings.ts';
import { groupNumber } from './algorithm-names.ts';
import type { Remedy } from './finding.ts';
import type { IkeVersion } from './notify-words.ts';
import type { Suite } from './offer.ts';

/** The firewalls whose rules go with a finding, the likeliest first; `sallyport openings` has them all. */
const SHOWN = [nftables, windows, ciscoAsa];

const WHERE: Readonly<Record<Side, string>> = {
  client: 'at the client and what it is behind',
  gateway: 'at the gateway and in front of it',
};

/** Rules that let `carriers` through on one side. */
export function openFirewall(carriers: readonly Carrier[], side: Side, ports: CarrierPorts = STANDARD_PORTS): Remedy[] {
  const need = needOf(carriers, ports, side);
  return SHOWN.flatMap(({ title, rules }) => {
    const [block] = rules(need).blocks;
    return block
      ? [{ where: 'firewall' as const, side, does: `${title}, ${WHERE[side]}: ${block.title}`, lines: block.lines }]
      : [];
  });
}

/** What listens at the gateway, to be asked on its machine. */
export const IS_IT_RUNNING: Remedy = {
  where: 'sallyport',
  does: 'See whether the gateway runs and listens, on its machine.',
  lines: ['sallyport sessions', "ss -lun 'sport = :500 or sport = :4500'"],
};

/** Where the shared secret stands on each system. */
export const SECRETS: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'Give the gateway the secret that the client has: for clients that name no group at the top level, else in the group.',
    lines: ['psk_file: FILE', 'groups:', '  NAME: { psk_file: FILE }'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf, then swanctl --load-creds:',
    lines: ['secrets {', '  ike-1 {', '    secret = "SECRET"', '  }', '}'],
  },
  {
    where: 'libreswan',
    does: '/etc/ipsec.secrets, then ipsec auto --rereadsecrets:',
    lines: ['%any %any : PSK "SECRET"'],
  },
  {
    where: 'windows',
    does: 'PowerShell:',
    lines: ['Set-VpnConnection -Name "VPN" -TunnelType L2tp -L2tpPsk "SECRET" -AuthenticationMethod MSChapv2 -Force'],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: ['tunnel-group GROUP ipsec-attributes', ' ikev1 pre-shared-key SECRET'],
  },
];

/** The gateway is to take what the client offers, each with its own words for `suite`. */
export function takeSuite(suite: Suite, version: IkeVersion): Remedy[] {
  const names = [suite.encryption[0], suite.integrity[0], suite.group[0]].filter((name) => name !== undefined);
  const text = names.join('-');
  const weak = weakParts(suite);
  return [
    {
      where: 'sallyport',
      does:
        weak.length > 0
          ? `It refuses ${weak.join(', ')} unless told otherwise; better change the client.`
          : 'It takes AES with SHA-1 or SHA-2 and groups 14, 15, 16, 19, 20 by itself.',
      lines: weak.length > 0 ? ['legacy: true'] : [],
    },
    {
      where: 'strongswan',
      does: 'swanctl.conf, in the connection; then swanctl --load-conns:',
      lines: [`proposals = ${text}, default`],
    },
    { where: 'libreswan', does: 'ipsec.conf, in the conn; then ipsec auto --replace NAME:', lines: [`ike=${text}`] },
    { where: 'cisco-asa', does: 'Configuration:', lines: asaPolicy(suite, version) },
  ];
}

/** The client is to offer what gateways take today. */
export const MODERN_CLIENT: readonly Remedy[] = [
  {
    where: 'windows',
    does: 'IKEv2, PowerShell: offer what gateways take today.',
    lines: [
      'Set-VpnConnectionIPsecConfiguration -ConnectionName "VPN" -AuthenticationTransformConstants SHA256128 -CipherTransformConstants AES256 -EncryptionMethod AES256 -IntegrityCheckMethod SHA256 -DHGroup Group14 -PfsGroup None -Force',
    ],
  },
  {
    where: 'client',
    does: 'strongSwan as the client, swanctl.conf:',
    lines: ['proposals = aes256-sha256-modp2048, aes128-sha256-modp2048'],
  },
];

/** What of a suite must be chosen and is weak: DES, 3DES, null, MD5, groups 1, 2, 5 and 22. HMAC with SHA-1 stands. */
export function weakParts(suite: Pick<Suite, 'encryption' | 'integrity' | 'group'>): string[] {
  const names = [...suite.encryption, ...suite.integrity, ...suite.group];
  return names.filter((name) => WEAK.has(name));
}

const WEAK: ReadonlySet<string> = new Set([
  'des',
  'des-iv64',
  '3des',
  'null',
  'md5',
  'modp768',
  'modp1024',
  'modp1536',
  'modp1024s160',
  'rc5',
  'idea',
  'cast',
  'blowfish',
]);

function asaPolicy(suite: Suite, version: IkeVersion): string[] {
  const cipher = suite.encryption[0] ?? 'aes256';
  const aes = /^aes(128|192|256)/.exec(cipher)?.[1];
  const encryption = aes ? (aes === '128' ? 'aes' : `aes-${aes}`) : cipher;
  const group = groupNumber(suite.group[0] ?? '') ?? 14;
  const hash = suite.integrity[0] === 'sha1' ? 'sha' : (suite.integrity[0] ?? 'sha');
  if (version === 2)
    return [
      'crypto ikev2 policy 10',
      ` encryption ${encryption}`,
      ` integrity ${hash}`,
      ` group ${group}`,
      ' prf sha256 sha',
    ];
  const method = suite.authentication[0]?.includes('rsa') ? 'rsa-sig' : 'pre-share';
  return [
    'crypto ikev1 policy 10',
    ` authentication ${method}`,
    ` encryption ${encryption}`,
    ` hash ${hash}`,
    ` group ${group}`,
  ];
}

/** Packets inside that need no fragments outside. */
export const SMALLER: readonly Remedy[] = [
  { where: 'sallyport', does: 'Make what goes into the tunnel smaller.', lines: ['mtu: 1280'] },
  {
    where: 'strongswan',
    does: 'A Linux gateway: have TCP inside use smaller segments.',
    lines: [
      'iptables -t mangle -A FORWARD -m policy --pol ipsec --dir in -p tcp --syn -j TCPMSS --set-mss 1240',
      'iptables -t mangle -A FORWARD -m policy --pol ipsec --dir out -p tcp --syn -j TCPMSS --set-mss 1240',
    ],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: ['sysopt connection tcpmss 1240', 'crypto ipsec df-bit clear-df outside'],
  },
  {
    where: 'windows',
    does: 'PowerShell, at the client:',
    lines: ['netsh interface ipv4 set subinterface "VPN" mtu=1280 store=persistent'],
  },
];
