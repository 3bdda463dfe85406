import { createContext, useContext } from 'react';
import type { StopTarget } from './stop-dialog.tsx';

export const StopContext = createContext<(target?: StopTarget) => void>(() => undefined);

/** Opens the stop control with what is to be stopped already named. */
export function useStop(): (target?: StopTarget) => void {
  return useContext(StopContext);
}
