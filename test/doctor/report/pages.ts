/** A report with everything that one can hold, and with text that wants to be more than text. */
import type { ReportPage, Step } from '../../../src/doctor/report/page.ts';

export const HOSTILE = `"><script>document.title='owned'</script><img src=https://example.org/x onerror=alert(1)>\u202egnp.\u0007`;

const step = (packet: number, isFromLeft: boolean, what: string, details: string[] = [], isRepeat = false): Step => {
  return { packet, at: 1_700_000_000_000 + packet * 31, isFromLeft, what, details, isRepeat };
};

export const FULL_PAGE: ReportPage = {
  title: 'office.pcapng',
  verdict: 'The pre-shared secrets differ',
  isHealthy: false,
  facts: ['1,204 packets', '1 negotiation', '2 s'],
  inFull: ['--json', '--html FILE'],
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
