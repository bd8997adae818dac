/** An error that a person sees: a stable code, what went wrong, and what to do about it. */
export { systemReason } from '../config/system-reason.ts';

export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
