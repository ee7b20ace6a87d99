import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function BatchesPage() {
  return (
    <Page title="Batches">
      <Loading />
    </Page>
  );
}
