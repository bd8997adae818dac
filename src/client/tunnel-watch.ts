/**
 * What somebody learns who keeps a tunnel up and watches: the lifetimes agreed on and what happens when they are over, whether the gateway
 * answers and asks (DPD), and whether a NAT on the way keeps a silent mapping. Without sockets or clocks: events and the tunnel's pulse go
 * in, sentences come out, and what is to be done next.
 *
 * At first nothing is sent at all, so that the gateway has a reason to ask whether we are there. Its question comes through a mapping that was
 * silent for as long as we know, and so tells two things. Afterwards we ask, which keeps the mapping as well.
 *
 * What comes again and again is told when it has doubled: the first, the second, the fourth time. Else a gateway that renews each minute, or
 * loses the tunnel as often, would bury in a day what else there is to read.
 */
import { type Instant, MINUTE, SECOND } from '../core/net/time.ts';
import { CARRIER_TITLES } from '../core/openings/openings.ts';
import type { ClientEvent, TunnelVitals } from '../core/session/client/events.ts';

/** For how long the gateway may take to ask. Gateways begin after 10 to 120 s as a rule. */
export const QUIET = 150 * SECOND;
/** No longer than this is silence waited for, where other things go through the tunnel meanwhile. */
const LONGEST_QUIET = 10 * MINUTE;
const ASK_EVERY = 20 * SECOND;
/** How long an answer may take. */
const ANSWER_WAIT = 5 * SECOND;
/** So many echo requests may be lost, and so long each is waited for: a network loses some by itself. */
const ECHOES = 4;
const ECHO_WAIT = 2.5 * SECOND;
/** What is sent at once after a change could meet the change itself. */
const SETTLING = SECOND;
/** Less silence than this says nothing of a NAT. */
const TELLING_SILENCE = 5 * SECOND;
/** A day is the longest lifetime that gateways have as they come. */
const LONGEST_WATCH = 25 * 60 * MINUTE;
/** Sentences of the gateway's that are passed on. */
const MAX_NOTICES = 20;

export type WatchTopic = 'tunnel' | 'lifetimes' | 'dpd' | 'rekey' | 'nat-mapping' | 'notice';

/** What is learnt, as it is. */
export interface WatchNews {
  readonly watch: WatchTopic;
  /** Undefined: neither. */
  readonly isWell: boolean | undefined;
  readonly text: string;
}

/** Of the tunnel, as it is now. */
export interface Pulse {
  readonly vitals: TunnelVitals | undefined;
  /** When we sent last. */
  readonly sentAt: Instant;
  /** Through the tunnel, since it is up. */
  readonly packetsIn: number;
}

export type WatchStep = 'ask' | 'echo' | 'end';

/** Whether an echo came back. */
interface EchoTrial {
  readonly why: 'first' | 'rekey';
  /** Whether the rekey was told. */
  readonly isTold: boolean;
  /** When it is sent, or again. */
  readonly sendAt: Instant;
  /** What had come in before the first; undefined: none is sent yet. */
  readonly before: number | undefined;
  readonly sent: number;
}

export class TunnelWatch {
  readonly #beganAt: Instant;
  readonly #news: WatchNews[] = [];
  #upAt: Instant | undefined;
  #ups = 0;
  #knowsLifetimes = false;
  readonly #losses = { count: 0, last: '' };
  readonly #ours = {
    asked: 0,
    answered: 0,
    openAt: undefined as Instant | undefined,
    isLate: false,
    slowest: 0,
    missed: 0,
  };
  readonly #theirs = { asked: 0, silence: 0 };
  readonly #renewed = { phase1: 0, esp: 0 };
  /** Undefined: nothing behind the gateway ever answered, so that nothing is learnt from silence. */
  #dataPasses: boolean | undefined;
  /** So often it passed no more. */
  #interruptions = 0;
  #echo: EchoTrial | undefined;
  #hasAsked = false;
  #isQuietOver = false;
  #isBehindNat = false;
  #lifetimes: string | undefined;
  #notices = 0;

  constructor(now: Instant) {
    this.#beganAt = now;
  }

  get isWell(): boolean {
    return this.#ups > 0 && this.#losses.count === 0 && this.#ours.missed === 0 && this.#dataPasses !== false;
  }

  pollNews(): WatchNews | undefined {
    return this.#news.shift();
  }

  /** @param sentAt when we had sent last before it */
  handle(event: ClientEvent, sentAt: Instant, now: Instant): void {
    switch (event.type) {
      case 'up': {
        const { carrier, given, phase1, esp } = event.tunnel;
        this.#upAt = now;
        this.#ups++;
        this.#knowsLifetimes = false;
        this.#echo = { why: 'first', isTold: false, sendAt: now + SETTLING, before: undefined, sent: 0 };
        if (!this.#isUpTold) return;
        return this.#tell(
          'tunnel',
          true,
          `Tunnel: up by ${CARRIER_TITLES[carrier]}, inner address ${given.address.text}; ${phase1}, ${esp}.`,
        );
      }
      case 'liveness':
        return this.#handleLiveness(event.what, sentAt, now);
      case 'rekeyed':
        return this.#handleRekey(event.phase, event.suite, event.begunBy, now);
      case 'reconnecting':
        // each further trial is of the same loss
        if (this.#upAt !== undefined) this.#lose(`${event.reason}; it is dialled again`, now, false);
        return;
      case 'notice':
        if (++this.#notices <= MAX_NOTICES) this.#tell('notice', undefined, `Notice: ${event.text}`);
        return;
      default:
        return;
    }
  }

  /** Nobody dials any more. */
  end(reason: string, now: Instant): void {
    if (this.#upAt !== undefined) this.#lose(reason, now, true);
    else this.#tell('tunnel', false, `Tunnel: ${this.#ups > 0 ? 'not up again' : 'never up'}: ${reason}.`);
  }

  /** What is to be done now; call it about once a second. */
  step({ vitals, sentAt, packetsIn }: Pulse, now: Instant): WatchStep | undefined {
    if (now - this.#beganAt >= LONGEST_WATCH) return 'end';
    if (!vitals || this.#upAt === undefined) return undefined;
    this.#isBehindNat = vitals.isBehindNat;
    if (!this.#knowsLifetimes) this.#learnLifetimes(vitals);
    this.#checkAnswer(now);
    const echo = this.#stepEcho(packetsIn, now);
    if (echo) return echo;
    if (!vitals.answersDpd) {
      this.#isQuietOver = true;
      return this.#isDone ? 'end' : undefined;
    }
    if (!this.#hasAsked && now - this.#upAt >= SETTLING) {
      this.#hasAsked = true;
      return 'ask';
    }
    this.#checkQuiet(sentAt, now);
    if (this.#isDone) return 'end';
    return this.#isQuietOver && now - sentAt >= ASK_EVERY ? 'ask' : undefined;
  }

  /** Rows of a table. */
  summary(now: Instant): readonly { title: string; text: string; state: 'well' | 'ill' | undefined }[] {
    const { asked, answered, slowest, missed } = this.#ours;
    const row = (title: string, text: string, isWell?: boolean) => ({
      title,
      text,
      state: isWell === undefined ? undefined : isWell ? ('well' as const) : ('ill' as const),
    });
    return [
      row('Watched', duration(now - this.#beganAt)),
      row('Tunnel', this.#tunnelText(), this.#ups > 0 && this.#losses.count === 0),
      row('Lifetimes', this.#lifetimes ?? 'not known'),
      row(
        'DPD, asked by us',
        asked === 0
          ? 'never: the gateway does not announce it'
          : `asked ${times(asked)}, answered ${times(answered)}, at the slowest after ${Math.round(slowest)} ms`,
        asked === 0 ? undefined : missed === 0,
      ),
      row(
        'DPD, asked by the gateway',
        this.#theirs.asked > 0 ? `${times(this.#theirs.asked)}, and answered` : 'never',
        this.#theirs.asked > 0 || undefined,
      ),
      row('ESP renewed', renewals(this.#renewed.esp), this.#renewed.esp > 0 || undefined),
      row('Phase 1 renewed', renewals(this.#renewed.phase1), this.#renewed.phase1 > 0 || undefined),
      row('Data', DATA_WORDS[String(this.#dataPasses) as keyof typeof DATA_WORDS], this.#dataPasses),
      row('NAT mapping', this.#mappingText()),
    ];
  }

  /** Whether what is learnt of the tunnel that stands now is told, too: the first one, and after each loss that was. */
  get #isUpTold(): boolean {
    return hasDoubled(this.#ups - 1);
  }

  #lose(reason: string, now: Instant, isLast: boolean): void {
    const count = ++this.#losses.count;
    this.#losses.last = reason;
    if (isLast || hasDoubled(count))
      this.#tell('tunnel', false, `Tunnel: lost after ${this.#age(now)}: ${reason}${soFar(count)}.`);
    this.#upAt = undefined;
    this.#echo = undefined;
    this.#ours.openAt = undefined;
  }

  #handleLiveness(what: 'asked' | 'answered' | 'was asked', sentAt: Instant, now: Instant): void {
    const ours = this.#ours;
    if (what === 'asked') {
      ours.asked++;
      if (ours.openAt !== undefined && !ours.isLate) return;
      ours.openAt = now;
      ours.isLate = false;
    } else if (what === 'answered') {
      const took = ours.openAt === undefined ? 0 : now - ours.openAt;
      ours.openAt = undefined;
      ours.slowest = Math.max(ours.slowest, took);
      if (++ours.answered === 1) this.#tell('dpd', true, `DPD: the gateway answers us, after ${Math.round(took)} ms.`);
    } else {
      const silence = now - sentAt;
      const isFirst = ++this.#theirs.asked === 1;
      this.#theirs.silence = Math.max(silence, this.#theirs.silence);
      if (isFirst)
        this.#tell('dpd', true, `DPD: the gateway asks us after ${seconds(silence)} of silence, and is answered.`);
      if (isFirst && this.#isBehindNat && silence >= TELLING_SILENCE)
        this.#tell('nat-mapping', true, `NAT mapping: ${this.#mappingText()}.`);
    }
  }

  #handleRekey(phase: 1 | 2, suite: string, begunBy: 'us' | 'peer', now: Instant): void {
    const count = phase === 1 ? ++this.#renewed.phase1 : ++this.#renewed.esp;
    const isTold = hasDoubled(count);
    this.#echo ??= { why: 'rekey', isTold, sendAt: now + SETTLING, before: undefined, sent: 0 };
    const what = phase === 1 ? 'phase 1 is renewed' : `ESP is renewed by ${begunBy === 'us' ? 'us' : 'the gateway'}`;
    if (isTold) this.#tell('rekey', true, `Rekey: ${what} after ${this.#age(now)}: ${suite}${soFar(count)}.`);
  }

  #learnLifetimes({ phase1EndsAt, espLifetime }: TunnelVitals): void {
    this.#knowsLifetimes = true;
    const phase1 = phase1EndsAt === undefined ? undefined : `phase 1 ${duration(phase1EndsAt - this.#upAt!)}`;
    const volume = espLifetime?.kilobytes === undefined ? '' : ` or ${espLifetime.kilobytes.toLocaleString('en')} kB`;
    const esp = espLifetime && `ESP ${duration(espLifetime.seconds * SECOND)}${volume}`;
    this.#lifetimes = [phase1, esp].filter((part) => part !== undefined).join(', ');
    if (!this.#isUpTold) return;
    this.#tell('lifetimes', undefined, `Lifetimes agreed on: ${this.#lifetimes}. Either side may renew sooner.`);
  }

  #checkAnswer(now: Instant): void {
    const { openAt, isLate } = this.#ours;
    if (openAt === undefined || isLate || now - openAt < ANSWER_WAIT) return;
    // the answer may yet come, and how late it is will be told
    this.#ours.isLate = true;
    if (++this.#ours.missed === 1)
      this.#tell('dpd', false, `DPD: the gateway left a question unanswered for ${seconds(ANSWER_WAIT)}.`);
  }

  #stepEcho(packetsIn: number, now: Instant): 'echo' | undefined {
    const echo = this.#echo;
    if (!echo) return undefined;
    const came = echo.before !== undefined && packetsIn > echo.before;
    if (!came && now < echo.sendAt) return undefined;
    if (!came && echo.sent < ECHOES) {
      this.#echo = { ...echo, sendAt: now + ECHO_WAIT, before: echo.before ?? packetsIn, sent: echo.sent + 1 };
      return 'echo';
    }
    this.#echo = undefined;
    if (came && this.#dataPasses === undefined) this.#dataPasses = true;
    if (!came && echo.why === 'rekey' && this.#dataPasses === true) {
      this.#dataPasses = false;
      if (hasDoubled(++this.#interruptions))
        this.#tell('rekey', false, 'Rekey: an echo request went through the tunnel before it, and none does since.');
    } else if (came && echo.why === 'rekey') {
      const isBack = this.#dataPasses === false && hasDoubled(this.#interruptions);
      this.#dataPasses = true;
      if (echo.isTold || isBack) this.#tell('rekey', true, 'Rekey: data passes as before.');
    }
    return undefined;
  }

  #checkQuiet(sentAt: Instant, now: Instant): void {
    if (this.#isQuietOver) return;
    const silence = now - sentAt;
    this.#isQuietOver = this.#theirs.asked > 0 || silence >= QUIET || now - this.#upAt! >= LONGEST_QUIET;
    if (!this.#isQuietOver || this.#theirs.asked > 0) return;
    if (silence < QUIET) {
      const busy = duration(now - this.#upAt!);
      const text = `DPD: the gateway asked nothing in ${busy}, which had no ${seconds(QUIET)} of silence: not known whether it asks by itself.`;
      return this.#tell('dpd', undefined, text);
    }
    const nat = this.#isBehindNat ? ', or its question does not get through the NAT any more' : '';
    this.#tell(
      'dpd',
      undefined,
      `DPD: the gateway asks nothing in ${seconds(silence)} of silence: it does not ask by itself${nat}.`,
    );
  }

  /** Nothing is left that would come by waiting. */
  get #isDone(): boolean {
    return this.#isQuietOver && this.#echo === undefined && this.#renewed.phase1 > 0 && this.#renewed.esp > 0;
  }

  #tunnelText(): string {
    if (this.#ups === 0) return 'never up';
    const { count, last } = this.#losses;
    return count === 0 ? 'up all the time' : `lost ${times(count)}, at last: ${last}`;
  }

  #mappingText(): string {
    if (!this.#isBehindNat) return 'no NAT before this host';
    if (this.#theirs.silence < TELLING_SILENCE) return 'not known by the tunnel: the gateway asked nothing through it';
    return `alive after ${seconds(this.#theirs.silence)} of silence: the gateway's question came through it`;
  }

  #age(now: Instant): string {
    return duration(now - (this.#upAt ?? this.#beganAt));
  }

  #tell(watch: WatchTopic, isWell: boolean | undefined, text: string): void {
    this.#news.push({ watch, isWell, text });
  }
}

const DATA_WORDS = {
  true: 'passes; echo requests were answered, also after each rekey that was seen',
  false: 'no more since a rekey',
  undefined: 'not known: nothing behind the gateway answers echo requests',
} as const;

function renewals(count: number): string {
  return count === 0 ? 'not while it was watched' : times(count);
}

/** 0, 1, 2, 4, 8 and so on. */
function hasDoubled(count: number): boolean {
  return (count & (count - 1)) === 0;
}

function soFar(count: number): string {
  return count > 1 ? ` (${times(count)} so far)` : '';
}

function times(count: number): string {
  return count === 0 ? 'never' : count === 1 ? 'once' : `${count} times`;
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / SECOND)} s`;
}

/** "45 s", "12 min", "8 h", "7.5 h" */
function duration(milliseconds: number): string {
  const whole = Math.round(milliseconds / SECOND);
  if (whole < 120) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 120 ? `${minutes} min` : `${Number((minutes / 60).toFixed(1))} h`;
}
