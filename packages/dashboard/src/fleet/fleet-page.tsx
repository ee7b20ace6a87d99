import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function FleetPage() {
  return (
    <Page title="Fleet">
      <Loading />
    </Page>
  );
}
