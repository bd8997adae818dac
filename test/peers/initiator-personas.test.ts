/** The personas' bytes, judged by others: tshark reads their first message, and strongSwan takes what they offer. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { toHex } from '../../src/core/bytes/text.ts';
import type { PersonaName } from '../../src/core/personas/persona.ts';
import { PERSONA_NAMES, PERSONAS } from '../../src/core/personas/personas.ts';
import { Capture, decode, fields } from '../lab/capture.ts';
import { group, groupSecret, password, user } from '../lab/gateway.ts';
import { Initiator, type InitiatorOptions } from '../lab/initiator.ts';
import { lacking } from '../lab/requirements.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { responderConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress, lanAddress, Topology } from '../lab/topology.ts';

const skip = lacking('charon-systemd', 'swanctl', 'tcpdump', 'tshark');

const RFC_3947 = 'RFC 3947 Negotiation of NAT-Traversal in the IKE';
const DPD = 'RFC 3706 DPD (Dead Peer Detection)';
const draft = (end: string) => `draft-ietf-ipsec-nat-t-ike${end}`;
const WINDOWS = [
  'MS NT5 ISAKMPOAKLEY',
  RFC_3947,
  draft('-02\\n'),
  'Cisco Fragmentation',
  'MS-Negotiation Discovery Capable',
  'Microsoft Vid-Initial-Contact',
  'IKE CGA Version 1',
];

/** What tshark calls the vendor IDs, in order, and how many transforms it counts. */
const READ: Readonly<Record<PersonaName, { readonly names: readonly string[]; readonly transforms: number }>> = {
  sallyport: {
    names: [
      ...[RFC_3947, draft('-03'), draft('-02\\n'), draft('-02')],
      ...['XAUTH', DPD, 'CISCO-UNITY 1.0', 'Cisco Fragmentation'],
    ],
    transforms: 6,
  },
  'cisco-4.0': {
    names: ['XAUTH', DPD, 'Cisco Fragmentation', draft('-02\\n'), 'CISCO-UNITY 1.0'],
    transforms: 14,
  },
  'windows-xp': {
    names: ['MS NT5 ISAKMPOAKLEY', 'Cisco Fragmentation', draft('-02\\n'), 'Microsoft Vid-Initial-Contact'],
    transforms: 5,
  },
  'windows-vista': { names: WINDOWS, transforms: 5 },
  'windows-11': { names: ['Unknown Vendor ID', ...WINDOWS], transforms: 5 },
  macos: {
    names: [
      ...[RFC_3947, ...['', '-08', '-07', '-06', '-05', '-04', '-03', '-02', '-02\\n'].map(draft)],
      ...['XAUTH', 'CISCO-UNITY 1.0', 'Cisco Fragmentation', DPD],
    ],
    transforms: 4,
  },
};

describe('personas', { skip, timeout: 900_000 }, () => {
  const stage: { net?: Topology; gateway?: StrongSwan | undefined; client?: Initiator | undefined } = {};

  before(async () => {
    stage.net = await Topology.create('per');
  });

  afterEach(async () => {
    await stage.client?.stop();
    await stage.gateway?.stop();
    stage.client = undefined;
    stage.gateway = undefined;
  });

  after(() => stage.net?.remove());

  for (const persona of PERSONA_NAMES) {
    const { phase2, vendorIds } = PERSONAS[persona];
    const l2tp = phase2.mode === 'transport';

    it(`${persona}: strongSwan takes its offer, tshark reads its first message`, async () => {
      const { gw, cl } = stage.net!;
      const ike =
        'aes128-sha1-modp2048,aes256-sha1-modp2048,aes256-sha1-modp1024,3des-sha1-modp2048,3des-sha1-modp1024';
      const esp = 'aes256-sha1,aes128-sha1,3des-sha1,default';
      const options = { name: 'gate', ike: ike.split(','), esp: esp.split(',') };
      stage.gateway = await StrongSwan.start(
        gw,
        responderConfiguration(l2tp ? 'secret' : 'aggressive', [gatewayAddress], options),
      );
      const capture = await Capture.start(gw, 'direct', 'udp');
      const common = { local: clientAddress, remote: gatewayAddress, psk: groupSecret, persona };
      const own: InitiatorOptions = l2tp
        ? { ...common, exchange: 'main' }
        : { ...common, exchange: 'aggressive', identity: group, login: { user, password }, encapsulation: 'force' };
      stage.client = await Initiator.dial(cl, own);
      await stage.client.tells('established');
      if (!l2tp) {
        await stage.client.tells('esp-established');
        await stage.client.pings(lanAddress);
      }
      assert.deepEqual(stage.client.drops, []);
      await capture.stop();

      const filter = 'isakmp && isakmp.rspi == 00:00:00:00:00:00:00:00';
      const [first] = await fields(capture.file, ['frame.number', 'isakmp.vid_bytes'], { filter });
      assert.deepEqual(
        first![1]!.split(',').map((one) => one.replaceAll(':', '')),
        vendorIds.map(toHex),
      );
      assert.equal((await fields(capture.file, ['frame.number'], { filter: '_ws.malformed' })).length, 0);
      const text = await decode(capture.file, { filter: `frame.number == ${first![0]}` });
      const named = [...text.matchAll(/Payload: Vendor ID \(13\) : (.*)/g)].map(([, called]) => called);
      assert.deepEqual(named, READ[persona].names);
      assert.equal(text.match(/Payload: Transform/g)!.length, READ[persona].transforms);
    });
  }
});
