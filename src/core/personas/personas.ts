/** All personas, by name. */
import { CISCO_4_0 } from './cisco.ts';
import { MACOS } from './macos.ts';
import type { Persona, PersonaName } from './persona.ts';
import { SALLYPORT } from './sallyport.ts';
import { WINDOWS_11, WINDOWS_VISTA, WINDOWS_XP } from './windows.ts';

export const PERSONAS: Readonly<Record<PersonaName, Persona>> = {
  sallyport: SALLYPORT,
  'cisco-4.0': CISCO_4_0,
  'windows-xp': WINDOWS_XP,
  'windows-vista': WINDOWS_VISTA,
  'windows-11': WINDOWS_11,
  macos: MACOS,
};

export const PERSONA_NAMES = Object.keys(PERSONAS) as readonly PersonaName[];

export function isPersonaName(name: string): name is PersonaName {
  return Object.hasOwn(PERSONAS, name);
}
