/** What is wrong with a capture's bytes. */

/** The file is none that we read: nothing of it can be diagnosed. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly code = 'CAPTURE';
}

/** Thrown by the formats where the bytes make no sense; what came before has been read. */
export class Damage extends Error {
  override readonly name = 'Damage';
  /** In the window that was being read. */
  readonly position: number;

  constructor(position: number, says: string) {
    super(says);
    this.position = position;
  }
}

/** Where and why reading ended before the capture did. */
export interface CaptureProblem {
  /** In the file, or in what was compressed in it. */
  readonly offset: number;
  readonly says: string;
}
