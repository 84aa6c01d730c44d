import Books
import ConnectorKit
import Kernel
import NetSuite
import TestKit
import TwinKit
import TwinNetSuite
import Wire

/// One account of NetSuite, by each of its doors.
extension Country {
    static let office = suite("NetSuite (REST)", NetSuiteRESTConnector(), JSON.object([
        ("client_id", .string(NetSuiteTwin.clientID)),
        ("parts", .object([("private_key", .string(NetSuiteTwin.privateKey)), ("certificate_id", .string(NetSuiteTwin.certificateID))])),
    ]))

    static let officeByLists = suite("NetSuite (SuiteTalk)", NetSuiteSuiteTalkConnector(), JSON.object([
        ("parts", .object([
            ("consumer_key", .string(NetSuiteTwin.consumerKey)), ("consumer_secret", .string(NetSuiteTwin.consumerSecret)),
            ("token", .string(NetSuiteTwin.tokenID)), ("token_secret", .string(NetSuiteTwin.tokenSecret)),
        ])),
    ]))

    private static func suite(_ name: String, _ connector: any NetSuiteLedger, _ credential: JSON) -> Country {
        Country(
            name: name, currency: .usd,
            plan: {
                var plan = House.Plan()
                plan.ledgerAccount = NetSuiteTwin.account
                plan.structure = #"""
                    {"accounts": {"sales:*": "4100", "receivable:*": "1100", "clearing:*": "1020", "tax_payable:*": "2100", "returns_allowances": "4910",
                      "bank:*": "1000", "bank_fees": "6200", "processor_fees": "6200", "chargebacks": "6200", "chargeback_fees": "6200",
                      "customer_deposits": "2200", "deferred_revenue": "2200", "inventory": "1200", "payable:*": "2000", "purchases:*": "6000", "input_tax:*": "1310"},
                      "tax_codes": {"US-PA@0": "NONE", "purchase:US-PA@20": "7"}}
                    """#
                return plan
            }(),
            connector: connector, make: { try NetSuiteTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 7)) },
            bank: "1000", clearing: "1020", fees: "6200", owed: "1100", settings: #"{"subsidiary": "1"}"#, credential: credential.text)
    }
}
