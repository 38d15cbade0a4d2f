//! Any text is a filter, which is read again as it is printed, or has a fault within it.
//!
//! `cargo +nightly fuzz run filter -- -dict=fuzz/filter.dict -max_total_time=600`
#![no_main]

use leadward::query::{
    fields::Field,
    filter::{Fault, Filter},
    order::Order,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Filter::parse(text) {
        Ok(filter) => {
            let printed = filter.to_string();
            // Quotes and spaces can make the print longer than a filter may be.
            if printed.len() <= Filter::LONGEST {
                assert_eq!(Filter::parse(&printed), Ok(filter), "{printed}");
            }
        }
        Err(Fault { offset, message }) => {
            assert!(text.is_char_boundary(offset), "{offset} in {text:?}");
            assert!(!message.is_empty() && message.len() < 1_000, "{message}");
        }
    }
    if let Ok(field) = Field::parse(text) {
        assert_eq!(Field::parse(&field.to_string()), Ok(field));
    }
    if let Ok(order) = Order::parse(text) {
        assert_eq!(Order::parse(&order.to_string()), Ok(order));
    }
});
