/** The ESP packets of one SPI in one direction, counted: how many, how many never came, came late or came twice. */
import { REPLAY_WINDOW, ReplayWindow } from '../esp/replay.ts';
import type { EspCarrier } from '../esp/sa.ts';
import type { Endpoint, IpAddress } from '../net/address.ts';
import { COPY_WINDOW } from './sighting.ts';

/** Linux' default window is 32, that of Windows, Cisco and strongSwan 64 or 32: later than this a packet is dropped by most. */
const NARROW_WINDOW = 64;

export interface Place {
  readonly packet: number;
  readonly at: number;
}

/** One packet of ESP, as it crossed the network. */
export interface EspPacket extends Place {
  readonly carrier: EspCarrier;
  readonly spi: number;
  readonly sequence: number;
  /** From ESP's header on. */
  readonly length: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** 0 where the carrier has no ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** IP fragments that it came in. */
  readonly fragments: number;
}

export interface PortMove {
  readonly from: number;
  readonly to: number;
  /** The first packet from there. */
  readonly place: Place;
}

export class EspFlow {
  readonly spi: number;
  readonly carrier: EspCarrier;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly first: Place;
  last: Place;
  /** When its third last packet was seen: three since then aren't one by chance. */
  thirdLastAt = 0;
  packets = 0;
  bytes = 0;
  /** The capture's own host joined packets (segmentation offload), so that numbers are missing which were on the wire. */
  isJoined = false;
  /** Numbers that were passed over and have not come since. */
  missing = 0;
  /** Came after a higher number, within the window of most receivers. */
  reordered = 0;
  /** So late that most receivers drop them. */
  late = 0;
  firstLate: number | undefined;
  /** Came again, later than a copy would. */
  replayed = 0;
  firstReplayed: number | undefined;
  copies = 0;
  highest = 0;
  readonly firstSequence: number;
  /** The port that its last packet went to. */
  lastPortTo: number;
  /** The last packet of a size that a path may refuse, from ESP's header on. */
  lastOversize: (Place & { readonly length: number }) | undefined;
  /** When it last came from another port than before: a NAT gave it a new mapping. */
  lastMove: PortMove | undefined;
  /** How often numbers were passed over; what came late after all is taken off. */
  gaps = 0;

  #window: ReplayWindow | undefined;
  #secondLastAt = 0;
  #lastPort: number;

  constructor({ spi, sequence, carrier, source, sourcePort, destination, destinationPort, packet, at }: EspPacket) {
    this.spi = spi;
    this.carrier = carrier;
    this.source = { address: source, port: sourcePort };
    this.destination = { address: destination, port: destinationPort };
    this.first = { packet, at };
    this.last = this.first;
    this.firstSequence = sequence;
    this.#lastPort = sourcePort;
    this.lastPortTo = destinationPort;
  }

  see(seen: EspPacket): void {
    const { packet, at, sequence, length, sourcePort } = seen;
    this.isJoined ||= seen.fragments === 1 && length > LONGEST_FRAME;
    if (!this.#count(sequence, seen)) return;
    this.packets++;
    this.bytes += length;
    this.thirdLastAt = this.#secondLastAt;
    this.#secondLastAt = this.last.at;
    this.last = { packet, at };
    this.lastPortTo = seen.destinationPort;
    if (length >= LARGE) this.lastOversize = { packet, at, length };
    if (sourcePort === this.#lastPort) return;
    this.lastMove = { from: this.#lastPort, to: sourcePort, place: this.last };
    this.#lastPort = sourcePort;
  }

  /** False: a copy. The window is only made for flows of more than one packet. */
  #count(sequence: number, place: Place): boolean {
    if (this.packets === 0) {
      this.highest = sequence;
      return true;
    }
    if (!this.#window) {
      this.#window = new ReplayWindow();
      this.#window.record(this.highest || 1);
    }
    if (sequence > this.highest) {
      const passed = sequence - this.highest - 1;
      this.missing += passed;
      if (passed > 0) this.gaps++;
      this.#window.record(sequence);
      this.highest = sequence;
      return true;
    }
    return this.#countLate(sequence, place);
  }

  #countLate(sequence: number, place: Place): boolean {
    const isNew = this.#window!.accepts(sequence);
    if (!isNew && sequence + REPLAY_WINDOW > this.highest) {
      if (place.at - this.last.at <= COPY_WINDOW) {
        this.copies++;
        return false;
      }
      this.replayed++;
      this.firstReplayed ??= place.packet;
      return true;
    }
    if (isNew) this.#window!.record(sequence);
    if (sequence >= this.firstSequence) this.missing = Math.max(0, this.missing - 1);
    this.gaps = Math.min(this.gaps, this.missing);
    if (this.highest - sequence >= NARROW_WINDOW) {
      this.late++;
      this.firstLate ??= place.packet;
    } else this.reordered++;
    return true;
  }
}

/** What is longer and came in no fragments was never on a line, jumbo frames apart. */
const LONGEST_FRAME = 1500;
/** No path has a problem with less (RFC 8200: 1280 with all headers). */
const LARGE = 1180;
