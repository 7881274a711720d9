import { Collapse, Field, Input, Switch, TagsInput } from '@grafana/ui';
import React, { useState } from 'react';
import { labels } from '../labels';
import type { SessionRole } from '../types';
import { RadioGroup } from './RadioGroup';
import { positive } from './positive';
import { type ConfigProps, useSettings } from './useSettings';

const text = labels.config;
const roles = (['Viewer', 'Editor', 'Admin'] satisfies SessionRole[]).map((role) => ({ value: role, label: role }));

/** What may be seen through this data source. Folded away: most people never need it. */
export function AccessSettings(props: ConfigProps) {
  const { settings, set } = useSettings(props);
  const [isOpen, setOpen] = useState(false);
  return (
    <Collapse label={text.access} isOpen={isOpen} onToggle={() => setOpen(!isOpen)} collapsible>
      <Field label={text.apps} description={text.appsDescription}>
        <TagsInput
          id="sightline-apps"
          width={50}
          placeholder={text.appsPlaceholder}
          tags={settings.apps ?? []}
          onChange={(apps) => set('apps', apps.length ? apps : undefined)}
        />
      </Field>
      <Field label={text.sessionRole} description={text.sessionRoleDescription}>
        <RadioGroup
          label={text.sessionRole}
          options={roles}
          value={settings.sessionRole ?? 'Editor'}
          onChange={(role) => set('sessionRole', role)}
        />
      </Field>
      <Field label={text.minViews} description={text.minViewsDescription}>
        <Input
          id="sightline-min-views"
          width={20}
          type="number"
          min={1}
          placeholder={text.minViewsPlaceholder}
          value={settings.minViews ?? ''}
          onChange={(event) => set('minViews', positive(event.currentTarget.value))}
        />
      </Field>
      <Field label={text.idsInAlerts} description={text.idsInAlertsDescription}>
        <Switch
          id="sightline-ids-in-alerts"
          value={settings.idsInAlerts ?? false}
          onChange={(event) => set('idsInAlerts', event.currentTarget.checked || undefined)}
        />
      </Field>
    </Collapse>
  );
}
