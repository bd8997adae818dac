/**
 * `sallyport doctor HOST`: looks at a gateway from outside, without credentials or root, in under 20 seconds and with few packets. It
 * begins at most five negotiations that the gateway has to remember for a while, and none twice.
 */
import { toHex } from '../../core/bytes/text.ts';
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import { type IpAddress, parseIp } from '../../core/net/address.ts';
import { type Instant, SECOND } from '../../core/net/time.ts';
import { type ProbeContext, type Reached, reachAddress } from './address-probe.ts';
import { nameGateway } from './gateway-name.ts';
import { Pace } from './ike-flow.ts';
import { interviewIkev1 } from './ikev1-interview.ts';
import { interviewIkev2 } from './ikev2-interview.ts';
import { Interview } from './interview.ts';
import type { ProbeNetwork } from './network.ts';
import { PacketLog } from './packet-log.ts';
import { findNat, tryLarge } from './path-probe.ts';
import type { GatewaySight, Survey } from './survey.ts';

/** No question begins later than this; the last one may take four seconds more, if a cookie is asked for. */
const TIME = 15 * SECOND;
const LOOKUP_PATIENCE = 5 * SECOND;
/** Our own limit on what is remembered of a gateway's vendor IDs. */
export const MAX_VENDOR_IDS = 32;

/** A host that can't be asked. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError';
  readonly code = 'PROBE';
}

export interface ProbeTools {
  readonly network: ProbeNetwork;
  readonly crypto: CryptoProvider;
  /** Hears what is being done, and what was found, in a few words. */
  readonly progress: (text: string) => void;
}

export async function probe(host: string, tools: ProbeTools): Promise<Survey> {
  const { network, crypto, progress } = tools;
  const deadline = network.now() + TIME;
  const addresses = await addressesOf(host, network);
  const log = new PacketLog(network);
  const reached = await Promise.all(
    addresses.map((address) => reachAddress({ network, log, pace: new Pace(network), crypto, progress }, address)),
  );
  try {
    // IPv4 first: it is what most clients use
    const found = reached.find(({ best }) => best !== undefined);
    const examined =
      found && (await examine({ network, log, pace: new Pace(network), crypto, progress }, found, deadline));
    return {
      host,
      addresses: reached.map(({ sight }) => sight),
      gateway: examined?.sight,
      isComplete: examined?.isComplete ?? true,
      packets: log.packets,
    };
  } finally {
    for (const flow of reached.flatMap(({ flows }) => flows)) flow.close();
  }
}

/** The first of each family. */
async function addressesOf(host: string, network: ProbeNetwork): Promise<IpAddress[]> {
  const literal = parseIp(host);
  const found = literal ? [literal] : await lookUp(host, network);
  const first = (length: number) => found.find(({ bytes }) => bytes.length === length);
  return [first(4), first(16)].filter((address) => address !== undefined);
}

async function lookUp(host: string, network: ProbeNetwork): Promise<readonly IpAddress[]> {
  try {
    const found = await network.within(LOOKUP_PATIENCE, network.lookup(host));
    if (found && found.length > 0) return found;
    throw new ProbeError(`${host}: the name servers don't answer; try the gateway's address`);
  } catch (error) {
    if (error instanceof ProbeError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new ProbeError(
      code === 'ENOTFOUND'
        ? `${host}: nobody knows this name, and there is no such file or profile`
        : `${host}: the name servers don't answer (${code})`,
    );
  }
}

interface Examined {
  readonly sight: GatewaySight;
  readonly isComplete: boolean;
}

async function examine(context: ProbeContext, { sight, best }: Reached, deadline: Instant): Promise<Examined> {
  const { flow, port, main, init } = best!;
  const interview = new Interview(context, flow, deadline);
  for (const { outcome, cookie } of [main, init]) if (outcome.kind === 'answer') interview.note(outcome, cookie);
  const ikev2 = await interviewIkev2(interview, init);
  const ikev1 = await interviewIkev1(interview, main);
  const nat = await findNat(interview, ikev1, ikev2);
  const large = await tryLarge(interview, ikev1, ikev2);
  const answers = [main, ...(ikev2?.begun ? [ikev2.begun] : [])].flatMap(({ outcome }) =>
    outcome.kind === 'answer' ? [outcome.answer] : [],
  );
  return {
    sight: {
      address: sight.address,
      port,
      name: nameGateway(answers),
      vendorIds: answers.flatMap(({ vendorIds }) => vendorIds.map(toHex)).slice(0, MAX_VENDOR_IDS),
      ikev1: ikev1?.sight,
      ikev2: ikev2?.sight,
      nat,
      large,
      limits: interview.limits,
      resends: flow.resends(main.question),
    },
    isComplete: interview.isComplete,
  };
}
