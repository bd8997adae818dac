/** What can go wrong with the dataplane in a way that somebody has to know: a stable code, and what to do about it. */

export type DataplaneErrorCode =
  | 'not-permitted'
  | 'no-tun-device'
  | 'tun-name-taken'
  | 'tun-failed'
  | 'port-in-use'
  | 'address-not-here'
  | 'no-raw-socket'
  | 'socket-failed'
  | 'no-such-socket'
  | 'too-many-sessions'
  | 'too-many-sas'
  | 'too-many-flows'
  | 'session-open'
  | 'session-unknown'
  | 'spi-in-use'
  | 'unsupported'
  | 'worker-busy'
  | 'worker-failed'
  | 'closed';

export class DataplaneError extends Error {
  override readonly name = 'DataplaneError';
  readonly code: DataplaneErrorCode;

  constructor(code: DataplaneErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
