import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("NetSuite's answers, spoiled") struct FuzzTests {
    /// A linear congruential generator: the seed tells the run.
    private struct Chance {
        var state: UInt64
        mutating func below(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(limit, 1)
        }
    }

    private let numbers = ["1e30", "-0.005", "99999999999999999999999999999999999999.9", "", "NaN", "-9223372036854775808", "1.0E1", "2026-02-30"]

    private var answers: [HTTPResponse] {
        let fields = """
            <s:entity internalId="58"/><s:tranDate>2026-11-14T00:00:00.000-08:00</s:tranDate><s:lastModifiedDate>2026-11-14T00:00:00.000-08:00</s:lastModifiedDate>\
            <s:currency internalId="1"/><s:total>10.0</s:total><s:payment>10.0</s:payment><s:itemList><s:item><s:item internalId="19"/><s:amount>10.0</s:amount></s:item></s:itemList>\
            <s:lineList><s:line><s:account internalId="1"/><s:debit>10.0</s:debit></s:line></s:lineList><s:symbol>GBP</s:symbol><s:isBaseCurrency>true</s:isBaseCurrency>
            """
        return [
            added(success() + base("9001")), got(success() + record("Invoice", "41", fields)), searched(record("Invoice", "41", fields), pages: 3),
            all(record("Currency", "1", fields)), written("update", success() + base("41")), written("delete", failure("RCRD_DSNT_EXIST", "x")),
            fault("unexpectedErrorFault", "UNEXPECTED_ERROR", "x"), rows(#""id":"41","externalid":"cf-0000000000000001","type":"CustInvc","symbol":"GBP","isbasecurrency":"T""#),
            answer(#"{"id":"41","tranDate":"2026-11-14","total":10.0,"payment":10.0,"currency":{"id":"1"},"item":{"items":[{"item":{"id":"19"},"amount":10.0}]}}"#),
            created("invoice"), gone, refusal("This record already exists"),
        ]
    }

    private func spoiled(_ answer: HTTPResponse, _ chance: inout Chance) -> HTTPResponse {
        var out = answer
        var text = String(decoding: answer.body, as: UTF8.self)
        if chance.below(2) == 0 { text = text.replacing("10.0", with: numbers[chance.below(numbers.count)]) }
        if chance.below(4) == 0 { text = text.replacing("2026-11-14", with: numbers[chance.below(numbers.count)]) }
        out.body = Array(text.utf8)
        for _ in 0 ..< chance.below(4) where !out.body.isEmpty {
            let at = chance.below(out.body.count)
            if chance.below(2) == 0 { out.body.remove(at: at) } else { out.body[at] = UInt8(chance.below(256)) }
        }
        if chance.below(6) == 0 { out.body = Array(out.body.prefix(chance.below(out.body.count))) }
        if chance.below(9) == 0 { out.status = [200, 204, 404, 500][chance.below(4)] }
        return out
    }

    @Test("no answer, however spoiled, stops the program, and a create always tells one outcome for each document") func spoil() {
        for seed in 1 ... 150 as ClosedRange<UInt64> {
            var chance = Chance(state: seed)
            let some = (0 ..< 12).map { _ in spoiled(answers[chance.below(answers.count)], &chance) }
            for it in both {
                let new = [taxed(), payment(2), feePayment(), refund()]
                for document in new {
                    if let told = drive(it, it.create([document, simple(5)], attempt: "a", facts), some).end.output { #expect(told.count == 2, "seed \(seed)") }
                    var old = document
                    old.remoteID = "41"
                    _ = drive(it, it.update(old, attempt: "a", facts), some)
                    _ = drive(it, it.void(old, attempt: "a", facts), some)
                    _ = drive(it, it.fetch([old], facts), some)
                }
                _ = drive(it, it.find(new, facts), some)
                _ = drive(it, it.chart(facts), some)
                _ = drive(it, it.findReferences(it.references(for: taxed()), facts), some)
                _ = drive(it, it.createReferences(it.references(for: taxed()), facts), some)
                if let changes = it.changes(since: Timestamp(seconds: 1_794_700_800), cursor: nil, facts) { _ = drive(it, changes, some) }
            }
        }
    }
}
