//! What an operator can set. Shares are of 1.

use vdsm_sdk::wire::{Object, Value};

/// The parameters, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parameters {
    /// `balloonEnabled`: whether guests give memory back at all.
    pub(crate) enabled: bool,
    /// `pressureThreshold`: the free share of the host below which pressure begins.
    pub(crate) pressure: f64,
    /// `pressureRelief`: the free share at which it ends.
    pub(crate) relief: f64,
    /// `pressureCritical`: the free share below which guests are pushed into their swap.
    pub(crate) critical: f64,
    /// `guestFree`: the share of its memory that a guest keeps unused when pressure begins.
    pub(crate) guest_free: f64,
    /// `largestChange`: the share of its memory by which a guest changes in a tick at most.
    pub(crate) largest_change: f64,
    /// `smallestChange`: the share below which a change is not worth asking for.
    pub(crate) smallest_change: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            enabled: false,
            pressure: 0.20,
            relief: 0.22,
            critical: 0.05,
            guest_free: 0.20,
            largest_change: 0.05,
            smallest_change: 0.0025,
        }
    }
}

impl Parameters {
    /// Reads parameters; what is not named keeps its default. The error says what would be valid.
    pub(crate) fn read(value: &Value) -> Result<Parameters, String> {
        let none = Object::new();
        let named = match value {
            Value::Nil => &none,
            Value::Object(named) => named,
            _ => return Err("parameters are an object".into()),
        };
        let mut parameters = Parameters::default();
        for (name, value) in named.iter() {
            parameters.set(name, value)?;
        }
        parameters.consistent()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let share = match name {
            "balloonEnabled" => {
                self.enabled = value.as_bool().ok_or("`balloonEnabled` is a boolean")?;
                return Ok(());
            }
            "pressureThreshold" => &mut self.pressure,
            "pressureRelief" => &mut self.relief,
            "pressureCritical" => &mut self.critical,
            "guestFree" => &mut self.guest_free,
            "largestChange" => &mut self.largest_change,
            "smallestChange" => &mut self.smallest_change,
            other => return Err(format!("`{other}` is no parameter")),
        };
        let number = value.as_double().or_else(|| value.as_int().map(f64::from));
        *share = number.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| format!("`{name}` is a share from 0 to 1"))?;
        Ok(())
    }

    fn consistent(self) -> Result<Parameters, String> {
        let Parameters { pressure, relief, critical, largest_change, smallest_change, .. } = self;
        if pressure <= critical || relief < pressure {
            return Err("`pressureCritical` < `pressureThreshold` <= `pressureRelief` does not hold".into());
        }
        if largest_change < smallest_change {
            return Err("`smallestChange` <= `largestChange` does not hold".into());
        }
        Ok(self)
    }
}
