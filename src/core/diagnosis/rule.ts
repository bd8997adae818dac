/** What a rule is given, and what it gives. */
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Conversation } from './conversation.ts';
import type { Finding } from './finding.ts';

/** All that was seen. */
export interface Scene {
  readonly conversations: readonly Conversation[];
  /** When the last packet of any kind was seen: silence is told from the end of the capture by it. Milliseconds. */
  readonly lastAt: number;
  /** Without it the hashes of addresses say nothing, and what is encrypted stays closed. */
  readonly crypto: CryptoProvider | undefined;
}

export type Rule =
  | { readonly of: 'pair'; readonly judge: (conversation: Conversation, scene: Scene) => Finding | undefined }
  | { readonly of: 'all'; readonly judge: (scene: Scene) => Finding | undefined };

/** So long nobody takes to answer, milliseconds: a message that is that old when the capture ends went unanswered. */
export const PATIENCE = 5000;
