/** Assembles the gateway. */
import { HostError } from '../host/errors.ts';
import type { StartGateway } from './program.ts';

export const startGateway: StartGateway = async () => {
  throw new HostError('NOT_ASSEMBLED', 'the gateway is not assembled yet');
};
