/** Concurrency with a limit: a crowd does the same thing a few at a time. */

/** Runs what it is given, `most` at a time, in order of arrival. */
export function atMost(most: number): <T>(act: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting = new Set<() => void>();
  return async (act) => {
    if (running === most) await new Promise<void>((resolve) => waiting.add(resolve));
    else running++;
    try {
      return await act();
    } finally {
      const [next] = waiting;
      if (next === undefined) running--;
      else {
        waiting.delete(next);
        next();
      }
    }
  };
}
