/** What notifications and exchanges are called, of both versions. */
import { NotifyType } from '../wire/ikev1.ts';
import { Ikev2Exchange, Ikev2Notify } from '../wire/ikev2.ts';
import { ExchangeType } from '../wire/isakmp.ts';

export type IkeVersion = 1 | 2;

/** Of a table of the registry's names. */
export function namesByNumber(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(table).map(([name, number]) => [number, name]));
}

const IKEV1_NOTIFIES = namesByNumber(NotifyType);
const IKEV2_NOTIFIES = namesByNumber(Ikev2Notify);

const IKEV1_EXCHANGES: Readonly<Record<number, string>> = {
  1: 'base',
  [ExchangeType.IDENTITY_PROTECTION]: 'main mode',
  [ExchangeType.AGGRESSIVE]: 'aggressive mode',
  [ExchangeType.INFORMATIONAL]: 'informational',
  [ExchangeType.TRANSACTION]: 'transaction',
  [ExchangeType.QUICK_MODE]: 'quick mode',
  33: 'new group mode',
};
const IKEV2_EXCHANGES = namesByNumber(Ikev2Exchange);

export function notifyName(version: IkeVersion, type: number): string {
  return (version === 1 ? IKEV1_NOTIFIES : IKEV2_NOTIFIES).get(type) ?? `notification ${type}`;
}

export function exchangeName(version: IkeVersion, exchange: number): string {
  return (version === 1 ? IKEV1_EXCHANGES[exchange] : IKEV2_EXCHANGES.get(exchange)) ?? `exchange ${exchange}`;
}

/** Errors are below 16384 in both versions (RFC 2408 section 3.14.1, RFC 7296 section 3.10.1). */
export function isErrorNotify(type: number): boolean {
  return type > 0 && type < 16384;
}
