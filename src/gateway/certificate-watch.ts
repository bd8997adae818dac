/** Tells a month before that the gateway's certificate will expire, and again each day. */
import type { Logger } from '../host/log.ts';
import type { OpenedCertificate } from '../host/pki/own-certificate.ts';

const DAY = 86_400_000;
/** Days. */
const NOTICE = 30;

export class CertificateWatch {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #timer: NodeJS.Timeout;
  #certificate: OpenedCertificate | undefined;

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), DAY).unref();
  }

  /** From now on this one; looks at once. */
  watch(certificate: OpenedCertificate | undefined): void {
    this.#certificate = certificate;
    const isValid = !certificate || certificate.warnings.length === 0;
    for (const warning of certificate?.warnings ?? []) this.#log.warn(warning);
    if (isValid) this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#certificate) return;
    const warning = expiryWarning(this.#certificate.notAfter, Date.now());
    if (warning) this.#log.warn(warning);
  }
}

/** @param now Unix milliseconds */
export function expiryWarning(notAfter: Date, now: number): string | undefined {
  const days = Math.floor((notAfter.getTime() - now) / DAY);
  if (days >= NOTICE) return undefined;
  const on = notAfter.toISOString().slice(0, 10);
  if (days < 0) return `the gateway's certificate expired on ${on}: clients refuse it; put another in place and reload`;
  const left = days === 1 ? '1 day' : `${days} days`;
  return `the gateway's certificate expires on ${on}, in ${left}; put another in place and reload`;
}
