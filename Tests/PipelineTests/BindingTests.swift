import ConnectorKit
@testable import Pipeline
import Testing

@Suite("What documents need of a ledger") struct BindingTests {
    @Test("a customer or item that documents of one call name in several ways is wanted once, always by the same of its names") func once() {
        func want(_ key: String, _ name: String) -> ReferenceWant { ReferenceWant(kind: .item, key: key, name: name, text: name) }
        let all = [want("b", "Cup"), want("a", "Mug 2"), want("a", "Mug 1"), want("a", "Mug 3")]
        for turn in all.indices {
            let found = Binding.once(Set(all[turn...] + all[..<turn]))
            #expect(found == [want("a", "Mug 1"), want("b", "Cup")])
        }
    }
}
