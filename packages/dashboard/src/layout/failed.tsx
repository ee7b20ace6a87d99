import { Link, useRouteError } from 'react-router';
import { Button } from '../components/button.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import { LoadingPage } from '../components/loading.js';
import { Page } from '../components/page.js';

/** Shown when the code of a page failed, or could not be loaded because the server now has another version. */
export function PageFailed() {
  const error = useRouteError();
  return (
    <Page title="Something went wrong">
      <ErrorPanel error={error} />
      <p>
        <Button onClick={() => window.location.reload()}>Load the page again</Button>
      </p>
    </Page>
  );
}

export function PageMissing() {
  return (
    <Page title="Page not found">
      <Empty title="Nothing is at this address">
        Go to the <Link to="/fleet">fleet</Link> or to the <Link to="/batches">batches</Link>.
      </Empty>
    </Page>
  );
}

/** Shown while the code of the first page loads. */
export const PageComing = () => <LoadingPage label="Loading" />;
