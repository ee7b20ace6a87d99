import { useEffect, useId, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useShownTheme } from '../layout/theme.js';
import styles from './series-chart.module.css';

interface Series {
  readonly name: string;
  /** A variable of tokens.css. */
  readonly colour: `--${string}`;
  /** A value for each time; null where it is unknown. */
  readonly values: readonly (number | null)[];
}

interface SeriesChartProps {
  readonly title: string;
  /** Milliseconds since 1970, oldest first. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}

const height = 150;
/** Formats seconds since 1970 as hours and minutes. */
const clock = (seconds: number) =>
  new Date(seconds * 1_000).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });

/** A line chart. The last value of each series stands beside its name. A table holds all values for screen readers. */
export function SeriesChart({ title, times, series, format }: SeriesChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useShownTheme();
  const id = useId();
  const names = series.map(({ name, colour }) => `${name}${colour}`).join();

  const chart = useRef<uPlot | null>(null);
  const latest = useRef({ times, series, format });
  latest.current = { times, series, format };
  // biome-ignore lint/correctness/useExhaustiveDependencies: only other series or colours redraw the chart
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const tokens = getComputedStyle(document.documentElement);
    const colour = (name: string) => tokens.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--text-soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        axes: [
          { ...axis, grid: { show: false }, space: 70, size: 28, values: (_plot, ticks) => ticks.map(clock) },
          {
            ...axis,
            size: 62,
            space: 32,
            values: (_plot, ticks) => ticks.map((tick) => latest.current.format(tick)),
          },
        ],
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] } },
        series: [
          {},
          ...latest.current.series.map((one, at) => ({
            label: one.name,
            stroke: colour(one.colour),
            width: 2,
            points: { show: false },
            spanGaps: true,
            // Tells series apart without colours.
            ...(at > 0 && { dash: at === 1 ? [6, 4] : [2, 3] }),
          })),
        ],
      },
      dataOf(latest.current),
      element,
    );
    chart.current = plot;
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [theme, names]);
  useEffect(() => {
    chart.current?.setData(dataOf({ times, series }));
  }, [times, series]);

  return (
    <figure className={styles.chart} aria-labelledby={id}>
      <figcaption className={styles.caption}>
        <h3 id={id}>{title}</h3>
        <ul className={styles.legend}>
          {series.map(({ name, colour, values }, at) => (
            <li key={name}>
              <svg width="22" height="8" aria-hidden="true" focusable="false">
                <line
                  x1="0"
                  x2="22"
                  y1="4"
                  y2="4"
                  stroke={`var(${colour})`}
                  strokeWidth="2.5"
                  strokeDasharray={['none', '6 4', '2 3'][at]}
                />
              </svg>
              {name} <strong className="numbers">{lastOf(values, format)}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} className={styles.box} aria-hidden="true" />
      <div className="visually-hidden">
        <table>
          <caption>{title}</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {series.map(({ name }) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {times.slice(-10).map((time, at) => (
              <tr key={time}>
                <th scope="row">{new Date(time).toLocaleTimeString()}</th>
                {series.map(({ name, values }) => {
                  const value = values.slice(-10)[at];
                  return <td key={name}>{value === null || value === undefined ? 'none' : format(value)}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

const dataOf = ({ times, series }: Pick<SeriesChartProps, 'times' | 'series'>): uPlot.AlignedData => [
  times.map((time) => time / 1_000),
  ...series.map(({ values }) => [...values]),
];

function lastOf(values: Series['values'], format: (value: number) => string): string {
  const last = values.findLast((value) => value !== null);
  return last === undefined || last === null ? '–' : format(last);
}
