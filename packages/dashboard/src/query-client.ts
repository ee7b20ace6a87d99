import { ApiError } from '@slipway/client';
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';

const ends = new EventTarget();

/** Calls `listener` when the API no longer takes the token. Returns how to stop that. */
export function onSessionEnd(listener: () => void): () => void {
  ends.addEventListener('end', listener);
  return () => ends.removeEventListener('end', listener);
}

const noticeEnd = (error: unknown) => {
  if (error instanceof ApiError && error.status === 401) ends.dispatchEvent(new Event('end'));
};

/** What the pages read from. Live updates make most of it stale in time; the rest is read again on focus. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: noticeEnd }),
    mutationCache: new MutationCache({ onError: noticeEnd }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // The client has tried some times already where that may help.
        retry: false,
      },
    },
  });
}
