import { ApiError } from '@slipway/client';
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';

const ends = new EventTarget();

/** Calls `listener` when the API no longer accepts the token. Returns a function that stops this. */
export function onSessionEnd(listener: () => void): () => void {
  ends.addEventListener('end', listener);
  return () => ends.removeEventListener('end', listener);
}

const noticeEnd = (error: unknown) => {
  if (error instanceof ApiError && error.status === 401) ends.dispatchEvent(new Event('end'));
};

/** Returns the query client of all pages. Live events make most queries stale; the others are fetched again on focus. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: noticeEnd }),
    mutationCache: new MutationCache({ onError: noticeEnd }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // The client has already retried errors for which a retry may help.
        retry: false,
      },
    },
  });
}
