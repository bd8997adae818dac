/** The running client that the command line means. */
import { profileName } from '../config/profile/draft.ts';
import { callClient, clientSocket, profilesIn } from '../control/client.ts';
import type { ClientStatus, ClientVerb } from '../control/client-types.ts';
import { ControlError } from '../control/error.ts';
import { clientFolder } from '../host/network/folder.ts';

/** All that run, by their profiles' names. */
export async function runningClients(folder = clientFolder()): Promise<ClientStatus[]> {
  const asked = profilesIn(folder).map((profile) => callClient(clientSocket(folder, profile), 'status'));
  const answers = await Promise.allSettled(asked);
  // Who was killed left a socket, and nobody answers there.
  const others = answers.find((answer) => answer.status === 'rejected' && answer.reason.code !== 'NOT_RUNNING');
  if (others?.status === 'rejected') throw others.reason;
  return answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
}

/** Asks the client of a profile, named as for `connect`. Throws {@link ControlError} `NOT_RUNNING` when there is none. */
export async function askClient<V extends ClientVerb>(argument: string, verb: V, folder = clientFolder()) {
  const profile = profileName(argument);
  try {
    return await callClient(clientSocket(folder, profile), verb);
  } catch (error) {
    if ((error as ControlError).code !== 'NOT_RUNNING') throw error;
    throw notConnected(`${profile} is not connected`);
  }
}

/** Root's clients are hidden from others, who could take silence for an answer. */
export function notConnected(words: string): ControlError {
  const isRoot = process.geteuid?.() === 0;
  return new ControlError('NOT_RUNNING', `${words}${isRoot ? '' : ', or root is; run it with sudo to see that'}`);
}
