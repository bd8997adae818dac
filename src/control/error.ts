/** An error of the control API, with the code that travels over the socket. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Why a socket can't be opened or reached. */
export function socketReason(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const isTooLong = code === 'EINVAL' || code === 'ENAMETOOLONG';
  return isTooLong ? 'the path is longer than a socket may have; choose a shorter state folder' : (code ?? message);
}
