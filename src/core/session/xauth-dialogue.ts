/** XAUTH as the client meets it: what a gateway asks (draft-beaulieu-ike-xauth-02 section 6), as questions for its user. */
import { fromUtf8, utf8 } from '../bytes/text.ts';
import { type Attribute, attributeBytes, ConfigurationAttribute as Kind, numericAttribute } from '../wire/ikev1.ts';

/** Beside what the user knows by name, `answer` is whatever else the gateway wants to hear: a new PIN, or yes. */
export type QuestionKind = 'user' | 'password' | 'passcode' | 'answer';

export interface Question {
  readonly kind: QuestionKind;
  /** The gateway's words, hostile until escaped; empty: it had none. */
  readonly prompt: string;
}

export interface XauthDialogue {
  readonly message: string | undefined;
  readonly questions: readonly Question[];
  /** Types of the attributes that carry the answers, in their order. */
  readonly types: readonly number[];
  /** Wanted, and known without the user. */
  readonly wantsDomain: boolean;
  readonly xauthType: number;
}

/** Our own limit on what a person is shown, characters. */
const MAX_WORDS = 1024;

const QUESTIONS = new Map<number, { readonly kind: QuestionKind; readonly prompt: string }>([
  [Kind.XAUTH_USER_NAME, { kind: 'user', prompt: '' }],
  [Kind.XAUTH_USER_PASSWORD, { kind: 'password', prompt: '' }],
  [Kind.XAUTH_PASSCODE, { kind: 'passcode', prompt: '' }],
  [Kind.XAUTH_CHALLENGE, { kind: 'answer', prompt: '' }],
  [Kind.XAUTH_NEXT_PIN, { kind: 'answer', prompt: 'New PIN' }],
  [Kind.XAUTH_ANSWER, { kind: 'answer', prompt: '' }],
]);

/** Each kind of attribute is asked for once; what we don't know isn't answered. */
export function readXauthRequest(attributes: readonly Attribute[]): XauthDialogue {
  const types = [...new Set(attributes.map(({ type }) => type))].filter((type) => QUESTIONS.has(type));
  const words = (type: number): string | undefined => {
    const found = attributes.find((one) => one.type === type);
    const text = found && fromUtf8(attributeBytes(found)).slice(0, MAX_WORDS);
    return text || undefined;
  };
  const typeAttribute = attributes.find(({ type }) => type === Kind.XAUTH_TYPE)?.value;
  const challenge = words(Kind.XAUTH_CHALLENGE);
  const message = [words(Kind.XAUTH_MESSAGE), challenge].filter(Boolean).join('\n');
  return {
    message: message || undefined,
    questions: types.map((type) => QUESTIONS.get(type)!),
    types,
    wantsDomain: attributes.some(({ type }) => type === Kind.XAUTH_DOMAIN),
    xauthType: typeof typeAttribute === 'number' ? typeAttribute : 0,
  };
}

/** The reply: an answer for each question, in the dialogue's order. */
export function answerAttributes(
  dialogue: XauthDialogue,
  answers: readonly string[],
  domain: string | undefined,
): Attribute[] {
  return [
    numericAttribute(Kind.XAUTH_TYPE, dialogue.xauthType),
    ...dialogue.types.map((type, i) => ({ type, value: utf8(answers[i] ?? '') })),
    ...(dialogue.wantsDomain ? [{ type: Kind.XAUTH_DOMAIN, value: utf8(domain ?? '') }] : []),
  ];
}
