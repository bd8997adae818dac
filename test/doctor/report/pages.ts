/** A report with everything that one can hold, and with text that wants to be more than text. */
import type { CarrierSurvey } from '../../../src/core/diagnosis/carrier-survey.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { CARRIERS, openingsOfAll, STANDARD_PORTS } from '../../../src/core/openings/openings.ts';
import { findingsOf } from '../../../src/doctor/probe/findings.ts';
import { probe } from '../../../src/doctor/probe/probe.ts';
import { surveyPage } from '../../../src/doctor/probe/survey-page.ts';
import type { ReportPage, Step } from '../../../src/doctor/report/page.ts';
import { profilePage } from '../../../src/doctor/report/profile-page.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { SimulatedGateway } from '../probe/simulated-gateway.ts';
import { SimulatedNetwork } from '../probe/simulated-network.ts';

const HOSTILE = `"><script>document.title='owned'</script><img src=https://example.org/x onerror=alert(1)>\u202egnp.\u0007`;

const step = (packet: number, isFromLeft: boolean, what: string, details: string[] = [], isRepeat = false): Step => {
  return { packet, at: 1_700_000_000_000 + packet * 31, isFromLeft, what, details, isRepeat };
};

export const FULL_PAGE: ReportPage = {
  title: 'office.pcapng',
  verdict: 'The pre-shared secrets differ',
  isHealthy: false,
  facts: ['1,204 packets', '1 negotiation', '2 s'],
  inFull: ['--json', '--html FILE'],
  tables: [
    {
      title: 'Asked and answered',
      rows: [
        { title: 'UDP 500', text: 'answers (IKEv1 main mode)', state: 'well' },
        { title: 'UDP 4500', text: 'is silent', state: 'ill' },
        { title: '2001:db8:1234:5678:9abc:def0:1234:5678 TCP 10000', text: `${HOSTILE} ${'aes256-'.repeat(60)}` },
      ],
    },
  ],
  findings: [
    {
      rule: 'psk-mismatch',
      severity: 'cause',
      cause: 'The pre-shared secrets differ: the gateway could not read what the client sent first under it',
      evidence: [
        { packet: 5, says: "main mode's message 5" },
        { packet: 6, says: HOSTILE },
        { packet: 99, says: 'of another negotiation' },
      ],
      remedies: [
        {
          where: 'sallyport',
          does: 'set the secret',
          lines: ['groups:', '  staff:', `    psk_file: /etc/sallyport/staff.psk # ${'long '.repeat(40)}`],
        },
        { where: 'strongswan', does: 'then swanctl --load-creds', lines: ['secrets { ike-1 { secret = "..." } }'] },
        { where: 'client', does: 'type it anew', lines: [] },
      ],
    },
    {
      rule: 'weak-algorithms',
      severity: 'warning',
      cause: '3DES was agreed',
      evidence: [{ packet: 2, says: '3DES' }],
      remedies: [],
    },
    {
      rule: 'loss',
      severity: 'note',
      cause: 'One message was sent twice',
      evidence: [{ packet: 4, says: 'again' }],
      remedies: [],
    },
  ],
  ladders: [
    {
      title: 'IKEv1 main mode',
      left: '[2001:db8:1234:5678:9abc:def0:1234:5678]:4500',
      right: '[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:4500',
      omitted: 7,
      steps: [
        step(1, true, 'main mode 1', ['AES-256 SHA-1 group 20, '.repeat(12), HOSTILE]),
        step(2, false, 'main mode 2: 3DES'),
        step(3, true, 'main mode 3'),
        step(4, true, 'main mode 3', [], true),
        step(5, true, `main mode 5 ${'x'.repeat(300)}`),
        step(6, false, 'PAYLOAD_MALFORMED'),
      ],
    },
  ],
};

export const HEALTHY_PAGE: ReportPage = {
  title: 'fine.pcap',
  verdict: 'Healthy',
  isHealthy: true,
  facts: [],
  findings: [],
  ladders: [],
  inFull: ['--json'],
};

/** One gateway where a carrier works and the rest is shut, one that nothing reaches. */
export const SURVEYS: readonly CarrierSurvey[] = [
  {
    gateway: 'vpn.example.com',
    address: '192.0.2.1',
    ports: STANDARD_PORTS,
    login: 'xauth',
    carriers: CARRIERS.map((carrier, i) => ({
      carrier,
      outcome: i === 0 ? 'works' : 'blocked',
      detail: i === 0 ? 'works: aes256-sha256-modp2048 (xauth-psk), aes256-sha256, inner address 10.77.0.2' : 'blocked',
    })),
    openings: openingsOfAll(CARRIERS, STANDARD_PORTS).map((opening, i) => ({
      opening,
      state: i === 0 ? 'open' : 'blocked-outward',
    })),
  },
  {
    gateway: '2001:db8:1234:5678:9abc:def0:1234:5678',
    address: '2001:db8:1234:5678:9abc:def0:1234:5678',
    ports: STANDARD_PORTS,
    login: 'l2tp',
    carriers: CARRIERS.map((carrier) => ({ carrier, outcome: 'login', detail: HOSTILE })),
    openings: openingsOfAll(CARRIERS, STANDARD_PORTS).map((opening) => ({ opening, state: 'not-reached' })),
  },
];

export const PROFILE_PAGE: ReportPage = profilePage('work', SURVEYS);

/** Of a gateway of both versions whose UDP 4500 is dropped. */
export async function hostPage(): Promise<ReportPage> {
  const own = { address: parseIp('192.0.2.1')!, port: 500 };
  const ikev2 = { groups: [20, 14], ciphers: ['20/256', '12/256'], integrities: [12] };
  const gateway = new SimulatedGateway({ own, ikev2, ikev1: () => true });
  const network = new SimulatedNetwork({ hosts: { '192.0.2.1': { udp: { 500: gateway.plain } } } });
  const survey = await network.run(probe('192.0.2.1', { network, crypto: nodeCrypto, progress: () => {} }));
  return surveyPage(survey, findingsOf(survey), 0);
}
