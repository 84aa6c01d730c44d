internal import AccountEdge
public import ConnectorKit
internal import FreeAgent
internal import Inbound
internal import NetSuite
internal import Odoo
internal import Patriot
internal import QuickBooksOnline
internal import Returns
internal import SageIntacct
internal import SapBusinessOne
internal import Shopify
internal import Square
internal import Stripe
internal import WooCommerce
internal import Xero

/// Every connector there is, in the order of their ids.
public enum Catalog {
    private static let all: [any Connector] = [
        AccountEdgeConnector(),
        FreeAgentConnector(),
        InboundConnector(.erp), InboundConnector(.jobCRM), InboundConnector(.rms),
        NetSuiteRESTConnector(),
        NetSuiteSuiteTalkConnector(),
        OdooConnector(),
        PatriotConnector(),
        QuickBooksOnlineConnector(),
        ReturnsConnector(.loop), ReturnsConnector(.afterShip),
        SageIntacctConnector(),
        SapBusinessOneConnector(),
        ShopifyConnector(),
        SquareConnector(),
        StripeConnector(),
        WooCommerceConnector(),
        XeroConnector(),
    ]

    public static let connectors: [any Connector] = all.sorted { $0.spec.id < $1.spec.id }

    public static let byID: [String: any Connector] = Dictionary(uniqueKeysWithValues: connectors.map { ($0.spec.id, $0) })
}
