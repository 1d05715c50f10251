//! Quartz cron expressions (Quartz: `CronExpression`), read into sets of numbers and asked for their next moment. Moments
//! here are seconds of wall time since 1970: zones are the window's affair.

/// The last year that an expression can name.
const YEAR_MAX: u16 = 2099;
/// The first year that is kept: nothing of a window is asked for years before, and 100 years fit a set.
const YEAR_MIN: u16 = 2000;
const DAY: i64 = 86_400;

/// Why an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The number of its fields.
    #[error(
        "it has {0} fields; seconds, minutes, hours, day of month, month and day of week are six, and a year"
    )]
    Fields(usize),
    /// One of its fields.
    #[error("{1:?} is no {0}")]
    Field(&'static str, Box<str>),
    /// Quartz takes days of the month or of the week.
    #[error("one of day of month and day of week must be ?, and not both")]
    Days,
}

/// An expression. Bit n of a set stands for the number n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    seconds: u128,
    minutes: u128,
    hours: u128,
    days: Days,
    months: u128,
    /// Bit n is the year 2000 + n.
    years: u128,
}

/// Days by their place in the month, or in the week; the sets of the other way are empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Days {
    /// The days with these numbers.
    month: u128,
    /// So many days before the month's last.
    from_end: u128,
    /// The weekday nearest to these days, within the month.
    nearest: u128,
    /// The month's last weekday, Monday to Friday.
    last_weekday: bool,
    /// These days of every week, 1 is Sunday.
    week: u128,
    /// The last of these in the month.
    last: u128,
    /// The first to the fifth of these in the month.
    nth: [u128; 5],
}

/// The numbers that a field may have.
struct Field {
    name: &'static str,
    min: u16,
    max: u16,
    /// Names of the numbers from `min` on.
    names: &'static [&'static str],
}

const SECONDS: Field = Field { name: "second", min: 0, max: 59, names: &[] };
const MINUTES: Field = Field { name: "minute", min: 0, max: 59, names: &[] };
const HOURS: Field = Field { name: "hour", min: 0, max: 23, names: &[] };
const MONTH_DAYS: Field = Field { name: "day of the month", min: 1, max: 31, names: &[] };
const MONTHS: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEK_DAYS: Field = Field {
    name: "day of the week",
    min: 1,
    max: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEARS: Field = Field { name: "year", min: 1970, max: YEAR_MAX, names: &[] };

impl Schedule {
    /// Reads an expression.
    pub(super) fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (second, minute, hour, day, month, weekday, year) = match *fields.as_slice() {
            [s, m, h, d, month, w] => (s, m, h, d, month, w, "*"),
            [s, m, h, d, month, w, year] => (s, m, h, d, month, w, year),
            _ => return Err(ScheduleError::Fields(fields.len())),
        };
        Ok(Schedule {
            seconds: SECONDS.set(second)?,
            minutes: MINUTES.set(minute)?,
            hours: HOURS.set(hour)?,
            days: Days::parse(day, weekday)?,
            months: MONTHS.set(month)?,
            years: YEARS.set(year)?,
        })
    }

    /// The first moment of the schedule that is not before `from`.
    pub(super) fn next(&self, from: i64) -> Option<i64> {
        let (first_day, time) = (from.div_euclid(DAY), from.rem_euclid(DAY));
        let (mut year, mut month, day) = civil(first_day);
        if year < i64::from(YEAR_MIN) {
            return self.next(days_since_1970(i64::from(YEAR_MIN), 1, 1) * DAY);
        }
        let mut days = self.days.of(year, month) & (u128::MAX << day);
        while year <= i64::from(YEAR_MAX) {
            let within = has(self.years, year - i64::from(YEAR_MIN)) && has(self.months, month);
            let mut left = if within { days } else { 0 };
            while let Some(day) = lowest(left) {
                left &= left - 1;
                let date = days_since_1970(year, month, day);
                let found = self.time(if date == first_day { time } else { 0 });
                if let Some(time) = found {
                    return Some(date * DAY + time);
                }
            }
            (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            days = self.days.of(year, month);
        }
        None
    }

    /// The first second of the day that is not before `from`.
    fn time(&self, from: i64) -> Option<i64> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        let since = |set: u128, from: i64| lowest(set & (u128::MAX << from));
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = since(self.seconds, second)
            {
                return Some(hour * 3600 + minute * 60 + second);
            }
            if let Some(minute) = since(self.minutes, minute + 1) {
                return Some(hour * 3600 + minute * 60 + lowest(self.seconds)?);
            }
        }
        Some(since(self.hours, hour + 1)? * 3600 + lowest(self.minutes)? * 60 + lowest(self.seconds)?)
    }
}

impl Field {
    fn error(&self, text: &str) -> ScheduleError {
        ScheduleError::Field(self.name, text.into())
    }

    /// A list of numbers, ranges and steps.
    fn set(&self, text: &str) -> Result<u128, ScheduleError> {
        text.split(',')
            .map(|part| self.part(part).ok_or_else(|| self.error(text)))
            .try_fold(0, |all, part| Ok(all | part?))
    }

    /// `*`, `a`, `a-b`, or one of them with `/step`. A range may go over the end and on from the start, but for years.
    fn part(&self, text: &str) -> Option<u128> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<u16>().ok().filter(|n| (1..=self.max).contains(n))?))
            }
            None => (text, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max),
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            // From here on, as far as it goes.
            None if step.is_some() => (self.number(range)?, self.max),
            None => (self.number(range)?, self.number(range)?),
        };
        let size = self.max - self.min + 1;
        if from > to && size > 100 {
            return None;
        }
        let to = if from > to { to + size } else { to };
        let numbers = (from..=to).step_by(usize::from(step.unwrap_or(1)));
        Some(numbers.map(|n| self.bit(self.min + (n - self.min) % size)).fold(0, |all, bit| all | bit))
    }

    fn number(&self, text: &str) -> Option<u16> {
        let named = self.names.iter().zip(self.min..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, number)) = named {
            return Some(number);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && (self.min..=self.max).contains(number))
    }

    /// Years that are gone have no bit.
    fn bit(&self, number: u16) -> u128 {
        match self.max {
            YEAR_MAX => number.checked_sub(YEAR_MIN).map_or(0, |n| 1 << n),
            _ => 1 << number,
        }
    }
}

impl Days {
    fn parse(month: &str, week: &str) -> Result<Days, ScheduleError> {
        let mut days = Days::default();
        match (month, week) {
            ("?", "?") => return Err(ScheduleError::Days),
            (_, "?") => {
                for part in month.split(',') {
                    days.add_month(part).ok_or_else(|| MONTH_DAYS.error(month))?;
                }
            }
            ("?", _) => {
                for part in week.split(',') {
                    days.add_week(part).ok_or_else(|| WEEK_DAYS.error(week))?;
                }
            }
            (_, _) => return Err(ScheduleError::Days),
        }
        Ok(days)
    }

    /// `L`, `L-3`, `LW`, `15W`, or what every field has.
    fn add_month(&mut self, text: &str) -> Option<()> {
        let upper = text.to_ascii_uppercase();
        if upper == "LW" {
            self.last_weekday = true;
        } else if upper == "L" {
            self.from_end |= 1;
        } else if let Some(before) = upper.strip_prefix("L-") {
            self.from_end |= 1 << before.parse::<u16>().ok().filter(|n| *n <= 30)?;
        } else if let Some(day) = upper.strip_suffix('W') {
            self.nearest |= MONTH_DAYS.bit(MONTH_DAYS.number(day)?);
        } else {
            self.month |= MONTH_DAYS.part(&upper)?;
        }
        Some(())
    }

    /// `L`, `6L`, `FRI#3`, or what every field has.
    fn add_week(&mut self, text: &str) -> Option<()> {
        let upper = text.to_ascii_uppercase();
        if let Some((day, nth)) = upper.split_once('#') {
            let nth = nth.parse::<usize>().ok().filter(|n| (1..=5).contains(n))?;
            self.nth[nth - 1] |= WEEK_DAYS.bit(WEEK_DAYS.number(day)?);
        } else if upper == "L" {
            self.week |= WEEK_DAYS.bit(WEEK_DAYS.max);
        } else if let Some(day) = upper.strip_suffix('L') {
            self.last |= WEEK_DAYS.bit(WEEK_DAYS.number(day)?);
        } else {
            self.week |= WEEK_DAYS.part(&upper)?;
        }
        Some(())
    }

    /// The days of this month.
    fn of(&self, year: i64, month: i64) -> u128 {
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let first = days_since_1970(year, month, 1);
        let length = days_since_1970(next_year, next_month, 1) - first;
        // 1970 began on a Thursday.
        let weekday = |day: i64| (first + day - 1 + 4).rem_euclid(7) + 1;
        let is_due = |day: i64| {
            has(self.month, day)
                || has(self.from_end, length - day)
                || has(self.week, weekday(day))
                || has(self.last, weekday(day)) && day + 7 > length
                || usize::try_from((day - 1) / 7).is_ok_and(|week| has(self.nth[week], weekday(day)))
        };
        let mut days = (1..=length).filter(|day| is_due(*day)).fold(0, |all, day| all | 1 << day);
        let last_weekday = if self.last_weekday { 1 << length } else { 0 };
        let mut wanted = (self.nearest | last_weekday) & ((2 << length) - 1);
        while let Some(day) = lowest(wanted) {
            wanted &= wanted - 1;
            days |= 1 << nearest_weekday(day, weekday(day), length);
        }
        days
    }
}

/// The Monday to Friday that is nearest to a day, in the same month.
fn nearest_weekday(day: i64, weekday: i64, length: i64) -> i64 {
    match weekday {
        1 if day == length => day - 2,
        1 => day + 1,
        7 if day == 1 => day + 2,
        7 => day - 1,
        _ => day,
    }
}

fn has(set: u128, number: i64) -> bool {
    (0..128).contains(&number) && set >> number & 1 == 1
}

/// The smallest number of a set.
fn lowest(set: u128) -> Option<i64> {
    (set != 0).then(|| i64::from(set.trailing_zeros()))
}

/// The day of a date, 1970-01-01 is 0. Years are counted from March, so that leap days come last; 400 years have 146097
/// days (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

/// Year, month and day of a day: [`days_since_1970`] the other way.
pub(in crate::domain) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}
