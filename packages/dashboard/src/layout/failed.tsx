import { Link, useRouteError } from 'react-router';
import { Button } from '../components/button.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import { LoadingPage } from '../components/loading.js';
import { Page } from '../components/page.js';

/** A page whose code has failed, or could not be loaded because another version is served by now. */
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
    <Page title="No such page">
      <Empty title="There is nothing at this address">
        Go to the <Link to="/fleet">fleet</Link> or to the <Link to="/batches">batches</Link>.
      </Empty>
    </Page>
  );
}

/** While the code of the first page is on its way. */
export const PageComing = () => <LoadingPage label="Loading" />;
