//! Dicts of claims, made from what the tokens of an issuer have in common: a copy of a dict that holds it, with what differs.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::attach::attach_if_running;
use super::claims_dict::{claims_to_dict, value};
use super::json_copy::{copied, is_container};
use crate::jose::claims_shape::{ClaimsShape, DifferingValues};
use crate::jose::jwt::Claims;
use crate::jose::plain_json::Reader;
use crate::verify::TokenCache;

/// How many shapes of claims are known at a time.
const MOST_SHAPES: usize = 4;
/// How many dicts without a template are looked at to make one or to widen one, and how many more once a template went for
/// another. Then each how manieth: where there are more shapes than room for them, more would cost more than it spares.
const LOOKED_AT: u32 = 64;
const MORE_LOOKED_AT: u32 = 16;
const THEN_EACH: u32 = 256;

/// What one verifier knows of the claims of its tokens. A template holds the values that all tokens of its shape had so far; no
/// token gets a value from it that it does not have itself.
pub(super) struct ClaimTemplates(Mutex<KnownTemplates>);

struct KnownTemplates {
    templates: Vec<KnownTemplate>,
    /// How many dicts were made without one.
    missed: u32,
    /// How many more of those are looked at at once.
    to_look_at: u32,
}

struct KnownTemplate {
    template: Arc<ClaimTemplate>,
    /// Whether it was of use since another one asked for its room.
    is_used: bool,
}

impl ClaimTemplates {
    /// For a verifier with this cache: one that remembers no token has no templates either.
    pub(super) fn beside(cache: Option<&TokenCache>) -> Option<Arc<Self>> {
        let none = || KnownTemplates { templates: Vec::new(), missed: 0, to_look_at: LOOKED_AT };
        cache.map(|_| Arc::new(Self(Mutex::new(none()))))
    }

    /// A new dict of claims, as [`claims_to_dict`] makes it.
    pub(super) fn dict<'py>(&self, py: Python<'py>, claims: &Claims) -> PyResult<Bound<'py, PyDict>> {
        let Some(text) = claims.plain_json() else { return claims_to_dict(py, claims) };
        // Nothing of Python's runs under the lock: it could come back here, or give way to another thread.
        let found = self.with(|all| all.find(text).ok_or_else(|| all.is_due()));
        match found {
            Ok((values, template)) => match template.filled(py, &values)? {
                Some(dict) => Ok(dict),
                None => claims_to_dict(py, claims),
            },
            Err(is_due) => {
                let dict = claims_to_dict(py, claims)?;
                if is_due {
                    self.learn(text, &dict)?;
                }
                Ok(dict)
            }
        }
    }

    /// Makes a template of these claims, or of those of a template with the same names and these.
    fn learn(&self, text: &str, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let Some((shape, place)) = self.with(|all| all.place_for(text)) else { return Ok(()) };
        let template = Arc::new(ClaimTemplate::of(shape, dict)?);
        // What it replaces is dropped behind the lock.
        drop(self.with(|all| all.put(place, template)));
        Ok(())
    }

    fn with<R>(&self, work: impl FnOnce(&mut KnownTemplates) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KnownTemplates {
    fn find<'t>(&mut self, text: &'t str) -> Option<(DifferingValues<'t>, Arc<ClaimTemplate>)> {
        self.templates.iter_mut().find_map(|known| {
            let values = known.template.shape.values_of(text)?;
            known.is_used = true;
            Some((values, Arc::clone(&known.template)))
        })
    }

    /// Whether claims without a template are to be looked at.
    fn is_due(&mut self) -> bool {
        self.missed = self.missed.wrapping_add(1);
        if let Some(fewer) = self.to_look_at.checked_sub(1) {
            self.to_look_at = fewer;
            return true;
        }
        self.missed.is_multiple_of(THEN_EACH)
    }

    /// The shape to make a template of, and where to put it: in the place of the one whose names these claims have, or where there
    /// is room, or in the place of one that was of no use for long.
    fn place_for(&mut self, text: &str) -> Option<(ClaimsShape, usize)> {
        let widened = |(at, known): (usize, &KnownTemplate)| Some((known.template.shape.widened(text)?, at));
        if let Some(widened) = self.templates.iter().enumerate().find_map(widened) {
            return Some(widened);
        }
        if self.templates.len() < MOST_SHAPES {
            return Some((ClaimsShape::of(text)?, self.templates.len()));
        }
        if !self.missed.is_multiple_of(THEN_EACH) {
            return None;
        }
        let unused = self.templates.iter().position(|known| !known.is_used);
        self.templates.iter_mut().for_each(|known| known.is_used = false);
        let place = unused?;
        self.to_look_at = MORE_LOOKED_AT;
        Some((ClaimsShape::of(text)?, place))
    }

    /// Puts a template into a place, and returns the one that was there.
    fn put(&mut self, place: usize, template: Arc<ClaimTemplate>) -> Option<Arc<ClaimTemplate>> {
        let Some(known) = self.templates.get_mut(place) else {
            self.templates.push(KnownTemplate { template, is_used: true });
            return None;
        };
        known.is_used = true;
        Some(std::mem::replace(&mut known.template, template))
    }
}

/// A dict with the values that claims of one shape have in common.
struct ClaimTemplate {
    shape: ClaimsShape,
    /// `None` only while it is dropped.
    objects: Option<ClaimTemplateObjects>,
}

struct ClaimTemplateObjects {
    dict: Py<PyDict>,
    /// The members whose values differ, in their order.
    differing: Vec<Py<PyString>>,
    /// Members that are lists and dicts, of which each caller gets a copy.
    containers: Vec<(Py<PyString>, Py<PyAny>)>,
}

impl ClaimTemplate {
    /// The template of a shape, with values from a dict of claims that have it.
    fn of(shape: ClaimsShape, claims: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = claims.py();
        let dict = claims.copy()?;
        let (mut differing, mut containers) = (Vec::new(), Vec::new());
        for ((name, value), differs) in claims.iter().zip(shape.differing()) {
            let name = name.cast_into::<PyString>()?;
            if differs {
                dict.set_item(&name, py.None())?;
                differing.push(name.unbind());
            } else if is_container(&value) {
                dict.set_item(&name, py.None())?;
                containers.push((name.unbind(), copied(&value)?.unbind()));
            }
        }
        Ok(Self { shape, objects: Some(ClaimTemplateObjects { dict: dict.unbind(), differing, containers }) })
    }

    /// A new dict, with these values of the members that differ.
    fn filled<'py>(&self, py: Python<'py>, values: &DifferingValues<'_>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(objects) = &self.objects else { return Ok(None) };
        let dict = objects.dict.bind(py).copy()?;
        for (name, text) in objects.differing.iter().zip(values) {
            let Some(value) = value(py, &mut Reader::of_value(text))? else { return Ok(None) };
            dict.set_item(name, value)?;
        }
        for (name, value) in &objects.containers {
            dict.set_item(name, copied(value.bind(py))?)?;
        }
        Ok(Some(dict))
    }
}

impl Drop for ClaimTemplate {
    /// The last decision that refers to it may be dropped on a thread that Python did not start.
    fn drop(&mut self) {
        let objects = self.objects.take();
        attach_if_running(move |_| drop(objects));
    }
}
