//! Makes dicts of claims from templates: a copy of a dict with the values that an issuer's tokens share, and the values that differ.

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

/// The most templates of one verifier.
const MOST_SHAPES: usize = 4;
/// From how many of the first dicts without a template one is made or widened.
const FIRST_LEARNED: u32 = 64;
/// From how many further ones, after a template was replaced.
const FURTHER_LEARNED: u32 = 16;
/// After those, from one in this many. If there are more shapes than templates, learning from more would cost more than it saves.
const THEN_ONE_IN: u32 = 256;

/// The templates of one verifier. A template holds the values that all tokens of its shape have had so far. A token gets only values
/// that it has itself.
pub(super) struct ClaimTemplates(Mutex<KnownTemplates>);

struct KnownTemplates {
    templates: Vec<KnownTemplate>,
    /// How many dicts were made without a template.
    missed: u32,
    /// From how many of the next ones a template is learned, before only one in `THEN_ONE_IN` is.
    to_learn: u32,
}

struct KnownTemplate {
    template: Arc<ClaimTemplate>,
    /// Whether it was used since a new shape last looked for a place.
    is_used: bool,
}

impl ClaimTemplates {
    /// The templates of a verifier with this cache. Without a cache nothing of a token is kept, so there are none.
    pub(super) fn beside(cache: Option<&TokenCache>) -> Option<Arc<Self>> {
        let none = || KnownTemplates { templates: Vec::new(), missed: 0, to_learn: FIRST_LEARNED };
        cache.map(|_| Arc::new(Self(Mutex::new(none()))))
    }

    /// A new dict of claims, as [`claims_to_dict`] makes it.
    pub(super) fn dict<'py>(&self, py: Python<'py>, claims: &Claims) -> PyResult<Bound<'py, PyDict>> {
        let Some(text) = claims.plain_json() else { return claims_to_dict(py, claims) };
        // No Python code runs under the lock: it could call this again, or let another thread run.
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

    /// Makes a template of these claims, or widens the template with the same names to them.
    fn learn(&self, text: &str, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let Some((shape, place)) = self.with(|all| all.place_for(text)) else { return Ok(()) };
        let template = Arc::new(ClaimTemplate::of(shape, dict)?);
        // The replaced template is dropped after the lock.
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

    /// Whether to learn from these claims, which have no template.
    fn is_due(&mut self) -> bool {
        self.missed = self.missed.wrapping_add(1);
        if let Some(fewer) = self.to_learn.checked_sub(1) {
            self.to_learn = fewer;
            return true;
        }
        self.missed.is_multiple_of(THEN_ONE_IN)
    }

    /// The shape to make a template of, and its place: that of the template with the same names, or a free one, or that of a template
    /// that was not used for long.
    fn place_for(&mut self, text: &str) -> Option<(ClaimsShape, usize)> {
        let widened = |(at, known): (usize, &KnownTemplate)| Some((known.template.shape.widened(text)?, at));
        if let Some(widened) = self.templates.iter().enumerate().find_map(widened) {
            return Some(widened);
        }
        if self.templates.len() < MOST_SHAPES {
            return Some((ClaimsShape::of(text)?, self.templates.len()));
        }
        if !self.missed.is_multiple_of(THEN_ONE_IN) {
            return None;
        }
        let unused = self.templates.iter().position(|known| !known.is_used);
        self.templates.iter_mut().for_each(|known| known.is_used = false);
        let place = unused?;
        self.to_learn = FURTHER_LEARNED;
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

/// A dict with the values that claims of one shape share.
struct ClaimTemplate {
    shape: ClaimsShape,
    /// `None` only during the drop.
    objects: Option<ClaimTemplateObjects>,
}

struct ClaimTemplateObjects {
    dict: Py<PyDict>,
    /// The members whose values differ, in their order.
    differing: Vec<Py<PyString>>,
    /// Members that are lists and dicts. Each caller gets a copy of them.
    containers: Vec<(Py<PyString>, Py<PyAny>)>,
}

impl ClaimTemplate {
    /// The template of a shape, with the values of claims of that shape.
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

    /// A new dict with these values for the members that differ.
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
    /// Attaches first: the last reference may be dropped on a thread that is not Python's.
    fn drop(&mut self) {
        let objects = self.objects.take();
        attach_if_running(move |_| drop(objects));
    }
}
