/** Where a tunnel goes: the way that its IKE takes, and from there the carriers that its ESP may go by. */
import type { IkePath } from '../../carrier/ike-path.ts';
import type { EspCarrier, EspPath } from '../../esp/sa.ts';
import type { Trial } from '../../openings/missing.ts';
import { type Carrier, CISCO_UDP_PORT, openingsOf, sameOpening } from '../../openings/openings.ts';
import type { ClientOptions, Location } from './events.ts';
import type { Winner } from './race.ts';
import { carriersOf, openingOf, pathOf, type Way, waysTo } from './ways.ts';

export class Passage {
  readonly #options: Pick<ClientOptions, 'carriers' | 'ports'>;
  /** What was seen of openings. */
  readonly trials: Trial[] = [];
  location: Location;
  #way: Way;
  /** By which the phase 1 was made. */
  #entrance: Way;
  /** Of cTCP. */
  #flowId: number | undefined;

  constructor(options: Pick<ClientOptions, 'carriers' | 'ports'>, location: Location, { way, flowId }: Winner) {
    this.#options = options;
    this.location = location;
    this.#way = way;
    this.#entrance = way;
    this.#flowId = flowId;
  }

  get way(): Way {
    return this.#way;
  }

  get flowId(): number | undefined {
    return this.#flowId;
  }

  /** A phase 1 was made anew. */
  enter({ way, flowId }: Winner): void {
    this.#entrance = way;
    this.turn(way, flowId);
  }

  /** IKE goes by another way under the same phase 1. */
  turn(way: Way, flowId: number | undefined): void {
    this.#way = way;
    this.#flowId = flowId;
  }

  /** Whether `way` ends where the one in use does. */
  isSame(way: Way): boolean {
    return way === this.#way || (way === 'nat-t' && this.#way === 'nat-t-from-500');
  }

  /** Those that ESP may go by on the way in use, the best first. @param told port of Cisco's UDP, as the gateway told */
  carriers(told: number | undefined): readonly EspCarrier[] {
    const all = carriersOf(this.#way, this.#options.carriers, this.location.remembered);
    return all.filter((carrier) => carrier !== 'cisco-udp' || this.#ciscoUdpPort(told) !== undefined);
  }

  /** Those allowed that the gateway has not: it was asked for its port of Cisco's UDP, and named none. */
  notOffered(told: number | undefined): readonly Carrier[] {
    return this.#ciscoUdpPort(told) === undefined && this.#options.carriers.includes('cisco-udp') ? ['cisco-udp'] : [];
  }

  /** The path of ESP by `carrier` where IKE's is `path`. */
  pathBy(carrier: EspCarrier, { local, remote }: IkePath, told: number | undefined): EspPath {
    const at = (own: number, theirs: number): EspPath => ({
      carrier,
      local: { ...local, port: own },
      remote: { ...remote, port: theirs },
    });
    switch (carrier) {
      case 'esp':
        return at(0, 0);
      case 'cisco-udp':
        return at(this.#options.ports.local.ciscoUdp, this.#ciscoUdpPort(told) ?? 0);
      default:
        return { carrier, local, remote };
    }
  }

  /** Other ways to ask under the phase 1 that stands. @param again also the one in use, and those that were silent a while ago */
  detours(again: boolean): { readonly way: Way; readonly path: IkePath }[] {
    const ways = waysTo(this.#options.carriers, this.location.remembered)
      // under a phase 1 that stands there is nothing to float
      .filter((way) => way !== 'nat-t-from-500' && (again || (way !== this.#way && !this.#isBlocked(way))));
    // what carried until now may carry on
    const first = this.#way === 'nat-t-from-500' ? 'nat-t' : this.#way;
    ways.sort((a, b) => Number(b === first) - Number(a === first));
    return ways.map((way) => ({ way, path: pathOf(way, this.location, this.#options.ports) }));
  }

  /** Nothing came back over `carrier`, although IKE passes. */
  noteMute(carrier: EspCarrier): void {
    this.trials.push({ opening: openingsOf(carrier, this.#options.ports.remote).at(-1)!, sight: 'silent' });
  }

  noteSilent(way: Way): void {
    if (way !== 'udp') this.trials.push({ opening: openingOf(way, this.#options.ports.remote), sight: 'silent' });
  }

  /** Where IKE floated or ran over TCP the gateway wasn't asked for its port: then it is the one that it has most likely. */
  #ciscoUdpPort(told: number | undefined): number | undefined {
    if (told !== undefined || this.#entrance === 'udp') return told;
    return this.#options.ports.remote.ciscoUdp ?? CISCO_UDP_PORT;
  }

  /** Nothing came back by it a moment ago. */
  #isBlocked(way: Way): boolean {
    if (way === 'udp') return false;
    const opening = openingOf(way, this.#options.ports.remote);
    return this.trials.some((trial) => sameOpening(trial.opening, opening) && trial.sight !== 'answered');
  }
}
