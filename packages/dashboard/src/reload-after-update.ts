const key = 'slipway.reloaded';
/** Milliseconds after which the page may load itself again. */
const pauseMs = 10_000;

/**
 * Loads the page again when the server does not have its files any more, because it was updated since the page was opened. If that does not help, the error
 * is shown.
 */
export function reloadAfterUpdate(): void {
  // Sent by the code that Vite adds around each `import()`.
  window.addEventListener('vite:preloadError', (event) => {
    const last = Number(sessionStorage.getItem(key) ?? 0);
    if (Date.now() - last < pauseMs) return;
    sessionStorage.setItem(key, String(Date.now()));
    event.preventDefault();
    window.location.reload();
  });
}
