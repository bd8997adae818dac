/**
 * XAUTH as the client sees it (draft-beaulieu-ike-xauth-02): the gateway asks by attributes, a few of them or many times, and
 * its words say what for. Here a request becomes questions to the user, and the answers become the reply.
 *
 *     REQUEST  USER_NAME, USER_PASSWORD                    the usual
 *     REQUEST  MESSAGE "Enter PASSCODE", PASSCODE          a token's code (RSA SecurID)
 *     REQUEST  MESSAGE "Enter a new PIN", NEXT_PIN         SecurID's new PIN
 *     REQUEST  MESSAGE "Do you want ... (y/n)", ANSWER     anything else
 *     SET      STATUS                                      the end
 */
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { utf8 } from '../../bytes/text.ts';
import {
  type Attribute,
  attributeBytes,
  attributeNumber,
  ConfigurationAttribute as Kind,
  numericAttribute,
} from '../../wire/ikev1.ts';
import { shownText } from './peer-text.ts';

/** What is there before anybody is asked. */
export interface KnownLogin {
  readonly user: string | undefined;
  /** Given once: a gateway that asks again didn't like it. */
  readonly password: string | undefined;
  readonly domain: string | undefined;
}

export interface LoginQuestion {
  readonly asks: 'user' | 'password' | 'passcode' | 'next-pin' | 'answer';
  /** In our words; the gateway's are in `words` of the step. */
  readonly prompt: string;
  /** Not to be shown while it is typed. */
  readonly secret: boolean;
  /** To be typed twice. */
  readonly confirm: boolean;
}

export type LoginStep =
  /** Put to the user, then given to `reply` in the same order. None: `reply([])` at once. */
  | { readonly questions: readonly LoginQuestion[]; readonly words: string | undefined }
  /** Ends the attempt: in words. */
  | { readonly refused: string };

/** Our own limits: rounds of questions in one login, characters of the gateway's words, bytes of one answer. */
export const MAX_ROUNDS = 12;
export const MAX_WORDS = 1024;
export const MAX_ANSWER = 1024;

const XauthType = { GENERIC: 0, RADIUS_CHAP: 1, OTP: 2, S_KEY: 3 } as const;

export const USER_QUESTION: LoginQuestion = { asks: 'user', prompt: 'User name', secret: false, confirm: false };
export const PASSWORD_QUESTION: LoginQuestion = { asks: 'password', prompt: 'Password', secret: true, confirm: false };

const QUESTIONS: Readonly<Record<number, LoginQuestion>> = {
  [Kind.XAUTH_USER_NAME]: USER_QUESTION,
  [Kind.XAUTH_USER_PASSWORD]: PASSWORD_QUESTION,
  [Kind.XAUTH_PASSCODE]: { asks: 'passcode', prompt: 'Passcode', secret: true, confirm: false },
  [Kind.XAUTH_NEXT_PIN]: { asks: 'next-pin', prompt: 'New PIN', secret: true, confirm: true },
  [Kind.XAUTH_ANSWER]: { asks: 'answer', prompt: 'Answer', secret: true, confirm: false },
};

/** What one part of the reply is: settled already, or the answer to a question. */
type Part = { readonly attribute: Attribute } | { readonly type: number };

export class XauthDialogue {
  #known: KnownLogin;
  #rounds = 0;
  #parts: readonly Part[] = [];

  constructor(known: KnownLogin) {
    this.#known = known;
  }

  /** Takes the attributes of an `xauth-requested` event. */
  handleRequest(attributes: readonly Attribute[]): LoginStep {
    if (++this.#rounds > MAX_ROUNDS) {
      return { refused: `the gateway asked ${MAX_ROUNDS} times and still wants to know more` };
    }
    const first = (type: number) => attributes.find((one) => one.type === type);
    const type = attributeNumber(first(Kind.XAUTH_TYPE)) ?? XauthType.GENERIC;
    const refused = objectTo(type);
    if (refused) return { refused };
    this.#parts = distinct(attributes).flatMap((attribute) => this.#partOf(attribute));
    const questions = this.#parts.flatMap((part) => ('type' in part ? [QUESTIONS[part.type]!] : []));
    const words = [first(Kind.XAUTH_MESSAGE), first(Kind.XAUTH_CHALLENGE)].flatMap((one) => wordsOf(one));
    return { questions, words: words.length > 0 ? words.join('\n') : undefined };
  }

  /**
   * The attributes of the reply to the last request. One answer for each of its questions, each of at most
   * {@link MAX_ANSWER} bytes; throws RangeError otherwise.
   */
  reply(answers: readonly string[]): Attribute[] {
    const left = [...answers];
    const attributes = this.#parts.map((part): Attribute => {
      if ('attribute' in part) return part.attribute;
      const answer = left.shift();
      if (answer === undefined) throw new RangeError('an answer is missing');
      const value = utf8(answer);
      if (value.length > MAX_ANSWER) throw new RangeError(`an answer of ${value.length} bytes`);
      if (part.type === Kind.XAUTH_USER_NAME) this.#known = { ...this.#known, user: answer };
      return { type: part.type, value };
    });
    if (left.length > 0) throw new RangeError('more answers than questions');
    return attributes;
  }

  /** What of the reply an attribute of the request asks for. What isn't asked, or isn't known, has no part in it. */
  #partOf({ type, value }: Attribute): Part[] {
    const settled = (text: string | undefined): Part[] => (text === undefined ? [{ type }] : [textPart(type, text)]);
    switch (type) {
      case Kind.XAUTH_TYPE:
        // draft-beaulieu-ike-xauth-02 section 6.3: the reply has the type of the request, if there is one
        return [{ attribute: { type, value } }];
      case Kind.XAUTH_USER_NAME:
        return settled(this.#known.user);
      case Kind.XAUTH_USER_PASSWORD: {
        const { password } = this.#known;
        this.#known = { ...this.#known, password: undefined };
        return settled(password);
      }
      case Kind.XAUTH_DOMAIN:
        // asked for by habit: who has none says so
        return [textPart(type, this.#known.domain ?? '')];
      case Kind.XAUTH_PASSCODE:
      case Kind.XAUTH_NEXT_PIN:
      case Kind.XAUTH_ANSWER:
        return [{ type }];
      default:
        return [];
    }
  }
}

/** The reply of a user who would rather not: STATUS 0. */
export function declineLogin(): Attribute[] {
  return [numericAttribute(Kind.XAUTH_STATUS, 0)];
}

function objectTo(type: number): string | undefined {
  switch (type) {
    case XauthType.GENERIC:
    case XauthType.OTP:
    case XauthType.S_KEY:
      return undefined;
    case XauthType.RADIUS_CHAP:
      return 'the gateway wants the login by RADIUS-CHAP, which is not spoken here; set it to generic XAUTH';
    default:
      return `the gateway wants a login of type ${type}, which is unknown`;
  }
}

/** Each type once: who is asked the same twice answers once. */
function distinct(attributes: readonly Attribute[]): Attribute[] {
  return attributes.filter((one, i) => attributes.findIndex((other) => other.type === one.type) === i);
}

function textPart(type: number, text: string): Part {
  return { attribute: { type, value: text === '' ? EMPTY : utf8(text) } };
}

function wordsOf(attribute: Attribute | undefined): string[] {
  if (!attribute || typeof attribute.value === 'number') return [];
  const text = shownText(attributeBytes(attribute) as Bytes, MAX_WORDS);
  return text === '' ? [] : [text];
}
