/** One way in: the race for a phase 1, the user's login, the configuration. What comes after is the tunnel's. */
import type { Ikev1Sa } from '../../ikev1/sa.ts';
import type { Ikev1Event } from '../../ikev1/types.ts';
import type { IpAddress } from '../../net/address.ts';
import { type Instant, MINUTE, SECOND } from '../../net/time.ts';
import type { Sight, Trial } from '../../openings/missing.ts';
import type { CarrierPorts } from '../../openings/openings.ts';
import { type Attribute, ConfigurationAttribute } from '../../wire/ikev1.ts';
import { configurationRequest, type GivenConfiguration, readConfiguration } from './configuration.ts';
import type { ClientEvent, ClientOptions, Location } from './events.ts';
import type { Login } from './login.ts';
import { type FlowOutcome, type LostWay, Race, type RaceHost, type Winner } from './race.ts';
import { openingOf, pathOf, type Way } from './ways.ts';
import { declineLogin, type LoginQuestion, PASSWORD_QUESTION, USER_QUESTION, XauthDialogue } from './xauth-dialogue.ts';

/** How long the gateway may take to ask who we are, to make up its mind (it may ask others), and to give an address. */
const QUESTION_PATIENCE = 10 * SECOND;
/** As long as the engine keeps the gateway's question: later answers would go nowhere. */
const ANSWER_PATIENCE = 2 * MINUTE;
const REFUSED = 'the gateway refused name or password';
const VERDICT_PATIENCE = 60 * SECOND;
const CONFIGURATION_PATIENCE = 15 * SECOND;

export interface EntryHost extends RaceHost {
  emit(event: ClientEvent): void;
  /** The SA has something to send. */
  touch(sa: Ikev1Sa): void;
  newRequestId(): number;
}

/** In, and configured. */
export interface Entered {
  readonly winner: Winner;
  /** Undefined: L2TP's call is to bring it. */
  readonly given: GivenConfiguration | undefined;
  readonly lost: readonly LostWay[];
}

/** `blocked`: no way led in. `refused`: the same again would end the same. `silent`: it began well and stopped. */
export interface EntryFailure {
  readonly kind: 'blocked' | 'refused' | 'login' | 'silent';
  readonly reason: string;
  /** A password that was kept is wrong, and now forgotten: the user may know another. */
  readonly askNext?: boolean;
}

type Stage =
  | { readonly awaits: 'phase 1' }
  | { readonly awaits: 'question'; readonly until: Instant }
  /** The user types for PPP, which comes later: without that there is no use in going on. */
  | {
      readonly awaits: 'credentials';
      /** The phase 1 that they are for. */
      readonly stands: boolean;
      readonly requestId: number;
      readonly questions: readonly LoginQuestion[];
      readonly until: Instant;
    }
  /** The user types. */
  | {
      readonly awaits: 'answers';
      readonly requestId: number;
      readonly messageId: number;
      readonly questions: readonly LoginQuestion[];
      readonly until: Instant;
    }
  | { readonly awaits: 'verdict'; readonly until: Instant }
  | { readonly awaits: 'configuration'; readonly until: Instant }
  | { readonly awaits: 'nothing'; readonly entered: Entered }
  | { readonly awaits: 'end'; readonly failure: EntryFailure };

export interface EntryOptions {
  readonly host: EntryHost;
  readonly options: ClientOptions;
  readonly location: Location;
  readonly ways: readonly Way[];
  readonly login: Login;
  /** The address that we would like to keep. */
  readonly wish: IpAddress | undefined;
}

export class Entry {
  readonly #o: EntryOptions;
  #race: Race;
  readonly #dialogue: XauthDialogue;
  #stage: Stage = { awaits: 'phase 1' };
  #winner: Winner | undefined;
  /** Who is asked for it again has given a wrong one. */
  #hasSentPassword = false;

  /** Call `handleTimeout` next. */
  constructor(o: EntryOptions, now: Instant) {
    this.#o = o;
    this.#dialogue = new XauthDialogue(o.login.known);
    this.#race = this.#newRace(now);
  }

  /** Set at the end. */
  get result(): Entered | EntryFailure | undefined {
    if (this.#stage.awaits === 'nothing') return this.#stage.entered;
    return this.#stage.awaits === 'end' ? this.#stage.failure : undefined;
  }

  /** What is known so far of the firewalls on the way. */
  get trials(): Trial[] {
    return trialsOf(this.#o.options.ports.remote, this.#race.lost, this.#winner);
  }

  /** What may be closed: it had longer than the way that won, and said nothing yet. */
  get doubts(): Trial[] {
    const { unanswered = [] } = this.#race.result ?? {};
    return unanswered.map((way) => ({ opening: openingOf(way, this.#o.options.ports.remote), sight: 'silent' }));
  }

  owns(sa: Ikev1Sa): boolean {
    return this.#winner?.sa === sa || this.#race.owns(sa);
  }

  heard(sa: Ikev1Sa, now: Instant): void {
    this.#race.heard(sa, now);
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    if (this.#stage.awaits === 'phase 1') {
      this.#race.handleEvent(sa, event, now);
      // nobody will ask for a name: the gateway must be asked itself whether it hears us
      const isUndecided = this.#o.options.login !== 'xauth' && !this.#race.result;
      if (event.type === 'established' && isUndecided) this.#ask(sa);
      this.#followRace(now);
    }
    if (sa === this.#winner?.sa) this.#handleWinner(event, now);
  }

  handleFlow(flowId: number, outcome: FlowOutcome, now: Instant): void {
    this.#race.handleFlow(flowId, outcome, now);
    this.#followRace(now);
    if ('failed' in outcome && flowId === this.#winner?.flowId) this.#flowEnded(outcome.failed);
  }

  /** What the user typed, one text a question; undefined: the user gave up. */
  answer(requestId: number, answers: readonly string[] | undefined, now: Instant): void {
    const stage = this.#stage;
    if (stage.awaits === 'credentials' && stage.requestId === requestId) this.#takeCredentials(stage, answers, now);
    if (stage.awaits !== 'answers' || stage.requestId !== requestId) return;
    if (!answers) {
      this.#winner!.sa.answerRequest(stage.messageId, declineLogin(), now);
      this.#o.host.touch(this.#winner!.sa);
      const again = this.#hasSentPassword && stage.questions.some(({ asks }) => asks === 'password');
      const reason = again ? REFUSED : 'no answer was given to what the gateway asked';
      return this.#fail({ kind: 'login', reason });
    }
    this.#o.login.note(stage.questions, answers);
    this.#reply(stage.messageId, this.#dialogue.reply(answers), now);
  }

  handleTimeout(now: Instant): void {
    const stage = this.#stage;
    if (stage.awaits === 'phase 1') {
      this.#race.handleTimeout(now);
      this.#followRace(now);
    } else if ('until' in stage && stage.until <= now) {
      this.#giveUp(stage.awaits, now);
    }
  }

  pollTimeout(): Instant | undefined {
    if (this.#stage.awaits === 'phase 1') return this.#race.pollTimeout();
    return 'until' in this.#stage ? this.#stage.until : undefined;
  }

  stop(): void {
    this.#race.stop();
    if (this.#winner && this.#stage.awaits !== 'nothing') this.#abandonWinner();
  }

  #followRace(now: Instant): void {
    const { result } = this.#race;
    if (!result || this.#stage.awaits !== 'phase 1') return;
    this.#winner = result.winner;
    if (!result.winner) return this.#fail(failureOf(result.lost));
    const { login } = this.#o.options;
    if (login === 'xauth') this.#stage = { awaits: 'question', until: now + QUESTION_PATIENCE };
    else if (login === 'l2tp') this.#askCredentials(result.winner, now);
    else this.#requestConfiguration(now);
  }

  #newRace(now: Instant): Race {
    const { host, options, location, ways } = this.#o;
    const paths = ways.map((way) => ({ way, path: pathOf(way, location, options.ports) }));
    return new Race(host, paths, now);
  }

  /** A gateway gives a call no time for typing: name and password have to be there before it. */
  #askCredentials(winner: Winner, now: Instant): void {
    const { current } = this.#o.login;
    const questions = [
      ...(current.user === undefined ? [USER_QUESTION] : []),
      ...(current.password === undefined ? [PASSWORD_QUESTION] : []),
    ];
    if (questions.length === 0) {
      this.#stage = { awaits: 'nothing', entered: { winner, given: undefined, lost: this.#race.lost } };
      return;
    }
    const requestId = this.#o.host.newRequestId();
    this.#stage = { awaits: 'credentials', stands: true, requestId, questions, until: now + ANSWER_PATIENCE };
    this.#o.host.emit({ type: 'ask', requestId, words: undefined, questions });
  }

  #takeCredentials(
    { questions, stands }: Extract<Stage, { awaits: 'credentials' }>,
    answers: readonly string[] | undefined,
    now: Instant,
  ): void {
    if (!answers) {
      const { wasRefused } = this.#o.login;
      return this.#fail({ kind: 'login', reason: wasRefused ? REFUSED : 'no name and password were given' });
    }
    this.#o.login.note(questions, answers);
    if (stands) return this.#askCredentials(this.#winner!, now);
    // the gateway had no patience for typing
    this.#winner = undefined;
    this.#stage = { awaits: 'phase 1' };
    this.#race = this.#newRace(now);
    this.#race.handleTimeout(now);
  }

  #handleWinner(event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'xauth-requested':
        return this.#handleQuestion(event.messageId, event.attributes, now);
      case 'xauth-result':
        if (event.succeeded) return this.#requestConfiguration(now);
        return this.#loginRefused('the gateway refused the login: name, password or passcode is wrong');
      case 'configuration-received':
        return this.#configured(event.attributes);
      case 'ended':
        return this.#ended(`the gateway ended the login: ${event.detail}`);
      case 'failed':
        this.#o.host.emit({ type: 'notice', text: `${event.step}: ${event.reason}` });
        return;
      default:
        return;
    }
  }

  #ended(reason: string): void {
    if (this.#stage.awaits === 'credentials') {
      this.#stage = { ...this.#stage, stands: false };
      return this.#closeFlow();
    }
    // to end it all is how some refuse a password
    if (this.#stage.awaits === 'verdict') return this.#loginRefused(reason);
    this.#fail({ kind: this.#stage.awaits === 'answers' ? 'silent' : 'refused', reason });
  }

  /** What we say from now on would go nowhere. */
  #flowEnded(how: string): void {
    const { awaits } = this.#stage;
    if (awaits === 'credentials') this.#o.host.abandon(this.#winner!.sa);
    else if (awaits !== 'nothing') this.#fail({ kind: 'silent', reason: `the cTCP connection ended (${how})` });
  }

  #loginRefused(reason: string): void {
    if (this.#stage.awaits === 'end') return;
    this.#fail({ kind: 'login', reason, askNext: this.#o.login.forget() });
  }

  #handleQuestion(messageId: number, attributes: readonly Attribute[], now: Instant): void {
    const { awaits } = this.#stage;
    if (awaits === 'credentials' || awaits === 'configuration' || awaits === 'nothing') return;
    const step = this.#dialogue.handleRequest(attributes);
    if ('refused' in step) return this.#fail({ kind: 'login', reason: step.refused });
    const { questions, words } = step;
    if (questions.length === 0) return this.#reply(messageId, this.#dialogue.reply([]), now);
    const requestId = this.#o.host.newRequestId();
    this.#stage = { awaits: 'answers', requestId, messageId, questions, until: now + ANSWER_PATIENCE };
    this.#o.host.emit({ type: 'ask', requestId, words, questions });
  }

  #reply(messageId: number, attributes: readonly Attribute[], now: Instant): void {
    const sa = this.#winner!.sa;
    this.#stage = { awaits: 'verdict', until: now + VERDICT_PATIENCE };
    this.#hasSentPassword ||= attributes.some(({ type }) => type === ConfigurationAttribute.XAUTH_USER_PASSWORD);
    sa.answerRequest(messageId, attributes, now);
    this.#o.host.touch(sa);
  }

  #requestConfiguration(now: Instant): void {
    const stage = this.#stage;
    if (stage.awaits === 'nothing' || stage.awaits === 'configuration') return;
    this.#stage = { awaits: 'configuration', until: now + CONFIGURATION_PATIENCE };
    const winner = this.#winner!;
    const { options, wish } = this.#o;
    // only IKE that stays on its own port can have ESP on Cisco's beside it
    const ciscoUdp = winner.way === 'udp' && options.carriers.includes('cisco-udp');
    const { persona, applicationVersion } = options;
    winner.sa.requestConfiguration(configurationRequest({ persona, applicationVersion, address: wish, ciscoUdp }), now);
    this.#o.host.touch(winner.sa);
  }

  #configured(attributes: readonly Attribute[]): void {
    if (this.#stage.awaits === 'nothing') return;
    const read = readConfiguration(attributes, [this.#o.location.gateway]);
    if ('refused' in read) return this.#fail({ kind: 'refused', reason: read.refused });
    const { given, notices } = read;
    for (const text of notices) this.#o.host.emit({ type: 'notice', text });
    this.#o.login.keep();
    this.#stage = { awaits: 'nothing', entered: { winner: this.#winner!, given, lost: this.#race.lost } };
  }

  #giveUp(awaited: 'question' | 'credentials' | 'answers' | 'verdict' | 'configuration', now: Instant): void {
    // a gateway that needs no login doesn't ask
    if (awaited === 'question') return this.#requestConfiguration(now);
    if (awaited === 'credentials') return this.#fail({ kind: 'silent', reason: 'nobody gave a name and a password' });
    if (awaited === 'answers') return this.#fail({ kind: 'silent', reason: 'nobody answered what the gateway asked' });
    const what = awaited === 'verdict' ? 'a verdict on the login' : 'the configuration that was asked for';
    this.#fail({ kind: 'silent', reason: `the gateway went silent: ${what} didn't come` });
  }

  #ask(sa: Ikev1Sa): void {
    sa.probePath(sa.path);
    this.#o.host.touch(sa);
  }

  /** The first reason counts: what follows it, such as the end of the SA, only follows from it. */
  #fail(failure: EntryFailure): void {
    if (this.#stage.awaits === 'end') return;
    this.#abandonWinner();
    this.#stage = { awaits: 'end', failure };
  }

  #abandonWinner(): void {
    if (!this.#winner) return;
    this.#o.host.abandon(this.#winner.sa);
    this.#closeFlow();
  }

  #closeFlow(): void {
    if (this.#winner?.flowId !== undefined) this.#o.host.closeFlow(this.#winner.flowId);
  }
}

/** A refusal says more than silence; and who answers on a path that doesn't move is behind no firewall, but wants something else. */
function failureOf(lost: readonly LostWay[]): EntryFailure {
  const refusal = lost.find(({ refused }) => refused);
  if (refusal) return { kind: 'refused', reason: refusal.reason };
  if (lost.some(({ way, sight }) => way !== 'nat-t-from-500' && sight === 'answered')) {
    const reason =
      'the gateway answers, but leaves the negotiation unfinished: the secrets differ, or it wants another exchange or authentication than the profile names';
    return { kind: 'refused', reason };
  }
  const reasons = [...new Set(lost.map(({ reason }) => reason))];
  return { kind: 'blocked', reason: `no carrier gets through (${reasons.join(', ')})` };
}

function trialsOf(ports: CarrierPorts, lost: readonly LostWay[], winner: Winner | undefined): Trial[] {
  const tried = (way: Way, sight: Sight): Trial => ({ opening: openingOf(way, ports), sight });
  const won = winner ? [tried(winner.way, 'answered')] : [];
  const floated = winner?.way === 'nat-t-from-500' ? [tried('nat-t', 'answered')] : [];
  return [...lost.map(({ way, sight }) => tried(way, sight)), ...won, ...floated];
}
