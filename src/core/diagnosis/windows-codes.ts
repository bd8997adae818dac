/** The numbers that Windows shows when a VPN fails, and what they mean: in the words and with the remedies of the rules. */
import type { Finding, Remedy } from './finding.ts';
import { IS_IT_RUNNING, MODERN_CLIENT, openFirewall, SECRETS } from './remedies.ts';
import { certificateRemedies } from './rules/certificates.ts';
import { WINDOWS_BEHIND_NAT } from './rules/gateway-behind-nat.ts';
import { groupRemedies } from './rules/group-mismatch.ts';
import { PHASE2_PROPOSALS } from './rules/phase2-refused.ts';
import { L2TP_SERVER, PPP_LOGINS, PPP_METHODS } from './rules/ppp.ts';

export interface WindowsCode {
  readonly code: number;
  /** What has happened, as far as the number says. */
  readonly means: string;
  /** What may be behind it, the most frequent first; without evidence, as nothing was seen. */
  readonly causes: readonly Finding[];
}

const CERTIFICATE_OF_CLIENT: readonly Remedy[] = [
  {
    where: 'windows',
    does: 'PowerShell as administrator: the certificate with its key goes into the store of the machine, not into that of the user.',
    lines: [
      'Import-PfxCertificate -FilePath client.p12 -CertStoreLocation Cert:\\LocalMachine\\My -Password (Read-Host -AsSecureString)',
      'Import-Certificate -FilePath ca.crt -CertStoreLocation Cert:\\LocalMachine\\Root',
    ],
  },
  {
    where: 'windows',
    does: 'Or use the shared secret instead, if the gateway has one; PowerShell:',
    lines: ['Set-VpnConnection -Name "VPN" -TunnelType L2tp -L2tpPsk "SECRET" -AuthenticationMethod MSChapv2 -Force'],
  },
  {
    where: 'sallyport',
    does: 'Make one for the client: a PKCS#12 file for Windows.',
    lines: ['sallyport ca client NAME --p12 FILE'],
  },
];

/** Nothing that a capture could show: the connection never left the machine. */
const PORT_OF_CLIENT: readonly Remedy[] = [
  {
    where: 'windows',
    does: 'End the other VPN connection, or see who has the port: the last column is the number of the program. If nobody has it, the last line as administrator, or restart Windows.',
    lines: [
      'rasdial',
      'netstat -ano | findstr ":500 :4500 :1701"',
      'tasklist /svc /fi "PID eq NUMBER"',
      'net stop RasMan && net start RasMan',
    ],
  },
];

const NO_PROPOSAL_1 = cause(
  'phase1-no-proposal',
  'The gateway takes none of the algorithms or groups that Windows offers for phase 1.',
  groupRemedies('modp2048', 'modp2048'),
);
const NO_PROPOSAL_2 = cause(
  'phase2-no-proposal',
  'The gateway takes none of the algorithms that Windows offers for ESP in transport mode, or wants PFS, which Windows does not do here.',
  PHASE2_PROPOSALS,
);
const SECRETS_DIFFER = cause('psk-mismatch', 'The shared secrets of the client and of the gateway differ.', SECRETS);
const SILENT_4500 = cause(
  'silence-on-4500',
  'UDP 500 passes and UDP 4500 does not.',
  openFirewall(['nat-t'], 'gateway'),
);
const NO_METHOD = cause(
  'ppp-disagreed',
  'Gateway and client have no method of login in common (PAP, MS-CHAPv2), or no address is given.',
  PPP_METHODS,
);

const CODES: readonly WindowsCode[] = [
  {
    code: 809,
    means: 'No answer came from the gateway, or Windows would not go on with it.',
    causes: [
      cause(
        'gateway-behind-nat',
        'The gateway (or the client, or both) is behind a NAT, and the registry value is missing that lets Windows go on; updates have taken it away again.',
        WINDOWS_BEHIND_NAT,
      ),
      cause('no-answer-500', 'A firewall drops UDP 500, the address is wrong, or no VPN gateway listens there.', [
        IS_IT_RUNNING,
        ...openFirewall(['nat-t'], 'gateway'),
        ...openFirewall(['nat-t'], 'client'),
      ]),
      SILENT_4500,
    ],
  },
  {
    code: 789,
    means:
      'L2TP: the security layer failed while negotiating with the gateway: it did answer, and the two do not agree.',
    causes: [
      SECRETS_DIFFER,
      NO_PROPOSAL_1,
      NO_PROPOSAL_2,
      cause('gateway-behind-nat', 'The gateway is behind a NAT.', WINDOWS_BEHIND_NAT),
    ],
  },
  {
    code: 691,
    means: 'The gateway was reached, and the user was refused.',
    causes: [
      cause(
        'ppp-refused',
        'Name or password is wrong, or the gateway and the client have no method in common (PAP, MS-CHAPv2).',
        PPP_LOGINS,
      ),
    ],
  },
  {
    code: 628,
    means: 'The gateway was reached, and it ended the connection before it was up.',
    causes: [
      NO_METHOD,
      cause('ppp-refused', 'The gateway hung up on the user: name or password is wrong.', PPP_LOGINS),
      cause('l2tp-refused', 'IPsec stands, and the L2TP server inside refuses the call.', L2TP_SERVER),
    ],
  },
  {
    code: 633,
    means: 'Nothing was sent: a port of this Windows machine that the connection needs is in use.',
    causes: [
      cause(
        'client-port-taken',
        'Another VPN connection or VPN program on this machine has it, or the last one never let go of it.',
        PORT_OF_CLIENT,
      ),
    ],
  },
  {
    code: 720,
    means:
      'The login went well, and the two sides of PPP found no protocol in common for what goes through the tunnel.',
    causes: [NO_METHOD],
  },
  {
    code: 734,
    means: 'PPP was ended before the login: the two sides did not agree how to do it.',
    causes: [NO_METHOD],
  },
  {
    code: 787,
    means: 'L2TP: the gateway answered, and did not prove to be the one that Windows expects.',
    causes: [
      SECRETS_DIFFER,
      cause(
        'certificate-untrusted',
        "By certificate: the gateway's authority isn't among the trusted ones of the machine (the user's do not count).",
        certificateRemedies('certificate-untrusted'),
      ),
    ],
  },
  {
    code: 788,
    means: 'L2TP: the gateway answered, and takes none of what Windows offers.',
    causes: [NO_PROPOSAL_1, NO_PROPOSAL_2],
  },
  {
    code: 792,
    means: 'L2TP: the negotiation of IPsec began, and no answer came any more.',
    causes: [SILENT_4500, SECRETS_DIFFER],
  },
  {
    code: 766,
    means: 'L2TP by certificate: Windows has found none for itself.',
    causes: [
      cause(
        'certificate-missing',
        'There is no certificate with its private key in the store of the machine that the gateway would take.',
        CERTIFICATE_OF_CLIENT,
      ),
    ],
  },
  {
    code: 798,
    means: 'The login wants a certificate (EAP-TLS), and Windows has found none.',
    causes: [
      cause(
        'certificate-missing',
        'There is no certificate with its private key for this user or machine that the gateway would take.',
        CERTIFICATE_OF_CLIENT,
      ),
    ],
  },
  {
    code: 13801,
    means: "IKEv2: Windows doesn't take the gateway's certificate.",
    causes: [
      cause(
        'certificate-name',
        "The name that was dialled isn't in the gateway's certificate, as a DNS name or address.",
        certificateRemedies('certificate-name'),
      ),
      cause(
        'certificate-untrusted',
        "The authority isn't among the trusted ones of the machine (the user's do not count).",
        certificateRemedies('certificate-untrusted'),
      ),
      cause(
        'certificate-purpose',
        'The certificate lacks the extended key usage serverAuth.',
        certificateRemedies('certificate-purpose'),
      ),
      cause(
        'certificate-expired',
        'The certificate has expired, or a clock is wrong.',
        certificateRemedies('certificate-expired'),
      ),
    ],
  },
  {
    code: 13868,
    means: 'IKEv2: the gateway takes none of what Windows offers (policy match error).',
    causes: [
      cause(
        'phase1-no-proposal',
        'Windows offers modp1024 for IKEv2 unless told otherwise, and gateways refuse that today.',
        [...groupRemedies('modp2048', 'modp1024')],
      ),
      cause('phase2-no-proposal', 'The algorithms for ESP, or the PFS group, do not fit.', [
        ...MODERN_CLIENT,
        ...PHASE2_PROPOSALS,
      ]),
    ],
  },
];

export const WINDOWS_CODES: readonly number[] = CODES.map(({ code }) => code);

export function explainCode(code: number): WindowsCode | undefined {
  return CODES.find((known) => known.code === code);
}

function cause(rule: string, words: string, remedies: readonly Remedy[]): Finding {
  return { rule, severity: 'cause', cause: words, evidence: [], remedies };
}
