/** A port and what it said, in words. */
import type { Port, PortSight } from './survey.ts';

/** "UDP 500" */
export function portText(port: Port): string {
  const [kind, number] = port.split('/');
  return `${kind!.toUpperCase()} ${number}`;
}

/** "answers (IKEv1 main mode, IKEv2)" */
export function stateText({ state, speaks }: PortSight): string {
  return `${STATES[state]}${speaks.length > 0 ? ` (${speaks.join(', ')})` : ''}`;
}

const STATES: Readonly<Record<PortSight['state'], string>> = {
  answers: 'answers',
  open: 'is open',
  refused: 'is refused',
  failed: 'cannot be asked',
  silent: 'is silent',
};
