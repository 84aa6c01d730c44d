/// The fields that the twin has, by model: names, types and relations as Odoo's own `fields_get` gives them, without what belongs to mail,
/// activities, web sites, localisations and the client's screens. The format is `OdooSchema`'s.
/// - Source: `fields_get` of a running Odoo 14.0 and 19.0 with the module account; for the versions between, their release notes and sources.
enum OdooFields {
    static let tables = ["", base, accounts, moves, payments, things, purchases]

    private static let base = """
        model res.partner "Contact" display_name asc, id asc
        name:char email:char phone:char mobile:char@-18 vat:char ref:char street:char street2:char city:char zip:char website:char function:char
        comment:text@-14 comment:html@15- lang:selection{en_US|en_GB|de_DE|fr_FR} active:boolean is_company:boolean company_name:char
        company_type:selection{person|company} type:selection{contact|invoice|delivery|other} parent_id>res.partner child_ids*res.partner/parent_id
        commercial_partner_id>res.partner= country_id>res.country state_id>res.country.state company_id>res.company user_id>res.users
        currency_id>res.currency= credit:monetary= debit:monetary= customer_rank:integer supplier_rank:integer credit_limit:float
        property_account_receivable_id>account.account property_account_payable_id>account.account
        property_payment_term_id>account.payment.term property_supplier_payment_term_id>account.payment.term
        property_account_position_id>account.fiscal.position property_purchase_currency_id>res.currency
        model res.company "Companies" sequence asc, name asc
        name:char! partner_id>res.partner! currency_id>res.currency! email:char phone:char vat:char street:char street2:char city:char zip:char
        website:char country_id>res.country country_code:char= state_id>res.country.state parent_id>res.company child_ids*res.company/parent_id sequence:integer
        active:boolean@16- fiscalyear_last_day:integer! fiscalyear_last_month:selection{1|2|3|4|5|6|7|8|9|10|11|12}!
        fiscalyear_lock_date:date period_lock_date:date@-17 tax_lock_date:date sale_lock_date:date@18- purchase_lock_date:date@18- hard_lock_date:date@18-
        tax_calculation_rounding_method:selection{round_per_line|round_globally} account_price_include:selection{tax_included|tax_excluded}!@18-
        account_sale_tax_id>account.tax account_purchase_tax_id>account.tax currency_exchange_journal_id>account.journal
        income_currency_exchange_account_id>account.account expense_currency_exchange_account_id>account.account
        account_journal_suspense_account_id>account.account anglo_saxon_accounting:boolean
        model res.users "User" name asc, login asc
        name:char! login:char! active:boolean company_id>res.company! company_ids#res.company partner_id>res.partner! email:char lang:selection{en_US} tz:char
        model res.users.apikeys @14- "Users API Keys" id asc
        name:char!= user_id>res.users!= scope:char= expiration_date:datetime=@18-
        model res.currency "Currency" active desc, name asc
        name:char! full_name:char@16- symbol:char! active:boolean rounding:float decimal_places:integer= rate:float= inverse_rate:float=@15- date:date=
        position:selection{after|before} currency_unit_label:char currency_subunit_label:char rate_ids*res.currency.rate/currency_id
        model res.currency.rate "Currency Rate" name desc, id desc
        name:date! rate:float company_rate:float@15- inverse_company_rate:float@15- currency_id>res.currency!= company_id>res.company
        model res.country "Country" name asc
        name:char! code:char currency_id>res.currency state_ids*res.country.state/country_id
        model res.country.state "Country state" code asc
        name:char! code:char! country_id>res.country!
        model ir.model "Models" model asc
        name:char! model:char! transient:boolean=
        model ir.model.data "Model Data" module asc, model asc, name asc
        name:char! module:char! model:char! res_id:integer noupdate:boolean complete_name:char=
        model ir.attachment "Attachment" id desc
        name:char! description:text res_model:char= res_id:integer res_field:char= company_id>res.company type:selection{url|binary}! url:char public:boolean
        datas:binary mimetype:char= file_size:integer= checksum:char=
        """

    private static let accounts = """
        model account.account.type @-15 "Account Type" id asc
        name:char! type:selection{other|receivable|payable|liquidity}! internal_group:selection{equity|asset|liability|income|expense|off_balance}!
        model account.account "Account" code asc, id asc
        code:char!@-17 code:char@18- name:char! user_type_id>account.account.type!@-15 internal_type:selection{other|receivable|payable|liquidity}=@-15
        account_type:selection{asset_receivable|asset_cash|asset_current|asset_non_current|asset_prepayments|asset_fixed|liability_payable|\
        liability_credit_card|liability_current|liability_non_current|equity|equity_unaffected|income|income_other|expense|expense_other|\
        expense_depreciation|expense_direct_cost|off_balance}!@16-
        internal_group:selection{equity|asset|liability|income|expense|off_balance}=@-16
        internal_group:selection{equity|asset|liability|income|expense|off}=@17-
        reconcile:boolean deprecated:boolean@-18 active:boolean@19- note:text currency_id>res.currency company_id>res.company!=@-17
        company_ids#res.company!@18- tax_ids#account.tax non_trade:boolean@16- current_balance:float=@15- used:boolean=
        model account.journal "Journal" sequence asc, type asc, code asc
        name:char! code:char! type:selection{sale|purchase|cash|bank|general}!@-17 type:selection{sale|purchase|cash|bank|credit|general}!@18-
        active:boolean sequence:integer company_id>res.company!= currency_id>res.currency default_account_id>account.account
        suspense_account_id>account.account profit_account_id>account.account loss_account_id>account.account refund_sequence:boolean
        payment_sequence:boolean@16- restrict_mode_hash_table:boolean
        payment_debit_account_id>account.account@-14 payment_credit_account_id>account.account@-14
        inbound_payment_method_ids#account.payment.method@-14 outbound_payment_method_ids#account.payment.method@-14
        inbound_payment_method_line_ids*account.payment.method.line/inbound_journal_id@15-
        outbound_payment_method_line_ids*account.payment.method.line/outbound_journal_id@15-
        invoice_reference_type:selection{none|partner|invoice}!@-16 invoice_reference_type:selection{partner|invoice}!@17-
        invoice_reference_model:selection{odoo|euro}!@-18 invoice_reference_model:selection{odoo|euro|number}!@19-
        model account.payment.method "Payment Methods" id asc
        name:char! code:char! payment_type:selection{inbound|outbound}!
        model account.payment.method.line @15- "Payment Methods" sequence asc, id asc
        name:char sequence:integer payment_method_id>account.payment.method! payment_account_id>account.account journal_id>account.journal
        inbound_journal_id>account.journal outbound_journal_id>account.journal code:char= payment_type:selection{inbound|outbound}=
        model account.payment.term "Payment Terms" sequence asc, id asc
        name:char! active:boolean note:text@-14 note:html@15- company_id>res.company sequence:integer! nb_days:integer
        model account.tax.group "Tax Group" sequence asc, id asc
        name:char! sequence:integer
        model account.tax "Tax" sequence asc, id asc
        name:char! amount:float! amount_type:selection{group|fixed|percent|division}! type_tax_use:selection{sale|purchase|none}! active:boolean
        description:char@-17 description:html@18- invoice_label:char@17- price_include:boolean@-17 price_include:boolean=@18-
        price_include_override:selection{tax_included|tax_excluded}@18- include_base_amount:boolean sequence:integer! company_id>res.company!=
        tax_group_id>account.tax.group! tax_exigibility:selection{on_invoice|on_payment} country_id>res.country!@15-
        model account.fiscal.position "Fiscal Position" sequence asc
        name:char! active:boolean company_id>res.company!= sequence:integer auto_apply:boolean vat_required:boolean country_id>res.country
        note:text@-14 note:html@15-
        model account.analytic.plan @16- "Analytic Plans" sequence asc, id asc
        name:char! sequence:integer parent_id>account.analytic.plan
        model account.analytic.account "Analytic Account" code asc, name asc
        name:char!@-15 name:char!@16- code:char active:boolean company_id>res.company partner_id>res.partner plan_id>account.analytic.plan!@16-
        currency_id>res.currency= balance:monetary= debit:monetary= credit:monetary= line_ids*account.analytic.line/account_id
        model account.analytic.line "Analytic Line" date desc, id desc
        name:char! date:date! amount:monetary! account_id>account.analytic.account!@-15 account_id>account.analytic.account@16- partner_id>res.partner
        move_id>account.move.line@-15 move_line_id>account.move.line@16- company_id>res.company!= currency_id>res.currency= unit_amount:float
        model account.analytic.tag @-15 "Analytic Tags" name asc
        name:char! active:boolean company_id>res.company
        """

    private static let moves = """
        model account.move "Journal Entry" date desc, name desc, invoice_date desc, id desc
        name:char ref:char date:date!= state:selection{draft|posted|cancel}!=
        move_type:selection{entry|out_invoice|out_refund|in_invoice|in_refund|out_receipt|in_receipt}!= to_check:boolean@-17 checked:boolean@18-
        journal_id>account.journal! company_id>res.company currency_id>res.currency! company_currency_id>res.currency= partner_id>res.partner
        commercial_partner_id>res.partner= line_ids*account.move.line/move_id invoice_line_ids*account.move.line/move_id
        invoice_date:date invoice_date_due:date invoice_origin:char= invoice_payment_term_id>account.payment.term invoice_user_id>res.users
        invoice_partner_display_name:char= payment_reference:char narration:text@-14 narration:html@15- fiscal_position_id>account.fiscal.position
        amount_untaxed:monetary= amount_tax:monetary= amount_total:monetary= amount_residual:monetary= amount_untaxed_signed:monetary=
        amount_tax_signed:monetary= amount_total_signed:monetary= amount_residual_signed:monetary= amount_total_in_currency_signed:monetary=@15-
        invoice_currency_rate:float@17- direction_sign:integer=@16- delivery_date:date@17-
        payment_state:selection{not_paid|in_payment|paid|partial|reversed|invoicing_legacy}=@-17
        payment_state:selection{not_paid|in_payment|paid|partial|reversed|blocked|invoicing_legacy}=@18-
        reversed_entry_id>account.move= reversal_move_id*account.move/reversed_entry_id@-17 reversal_move_ids*account.move/reversed_entry_id@18-
        payment_id>account.payment@-17 origin_payment_id>account.payment@18- matched_payment_ids#account.payment@18- has_reconciled_entries:boolean=
        auto_post:boolean@-15 auto_post:selection{no|at_date|monthly|quarterly|yearly}!@16- posted_before:boolean
        sequence_prefix:char= sequence_number:integer= restrict_mode_hash_table:boolean= inalterable_hash:char= type_name:char= user_id>res.users=
        model account.move.line "Journal Item" date desc, move_name desc, id asc
        move_id>account.move!= move_name:char= date:date= ref:char= parent_state:selection{draft|posted|cancel}= journal_id>account.journal=
        company_id>res.company= company_currency_id>res.currency= account_id>account.account partner_id>res.partner name:char sequence:integer
        currency_id>res.currency! debit:monetary credit:monetary balance:monetary amount_currency:monetary amount_residual:monetary=
        amount_residual_currency:monetary= reconciled:boolean= full_reconcile_id>account.full.reconcile= matching_number:char date_maturity:date
        matched_debit_ids*account.partial.reconcile/credit_move_id= matched_credit_ids*account.partial.reconcile/debit_move_id=
        display_type:selection{line_section|line_note}@-15
        display_type:selection{product|cogs|tax|discount|rounding|payment_term|line_section|line_note|epd}!@16- exclude_from_invoice_tab:boolean@-15
        account_type:selection{asset_receivable|asset_cash|asset_current|asset_non_current|asset_prepayments|asset_fixed|liability_payable|\
        liability_credit_card|liability_current|liability_non_current|equity|equity_unaffected|income|income_other|expense|expense_other|\
        expense_depreciation|expense_direct_cost|off_balance}=@16-
        account_internal_type:selection{other|receivable|payable|liquidity}=@-15 product_id>product.product product_uom_id>uom.uom quantity:float
        price_unit:float discount:float price_subtotal:monetary= price_total:monetary= tax_ids#account.tax tax_line_id>account.tax=
        tax_group_id>account.tax.group= tax_base_amount:monetary= analytic_account_id>account.analytic.account@-15
        analytic_tag_ids#account.analytic.tag@-15 analytic_distribution:json@16- analytic_line_ids*account.analytic.line/move_id@-15
        analytic_line_ids*account.analytic.line/move_line_id@16- payment_id>account.payment= move_type:selection{entry|out_invoice|out_refund|\
        in_invoice|in_refund|out_receipt|in_receipt}=@16- currency_rate:float=@16- invoice_date:date=@16-
        model account.partial.reconcile "Partial Reconcile" id asc
        debit_move_id>account.move.line! credit_move_id>account.move.line! amount:monetary debit_amount_currency:monetary credit_amount_currency:monetary
        debit_currency_id>res.currency= credit_currency_id>res.currency= company_id>res.company company_currency_id>res.currency= max_date:date=
        full_reconcile_id>account.full.reconcile exchange_move_id>account.move@16-
        model account.full.reconcile "Full Reconcile" id asc
        name:char!@-16 partial_reconcile_ids*account.partial.reconcile/full_reconcile_id reconciled_line_ids*account.move.line/full_reconcile_id
        exchange_move_id>account.move@-17
        model account.move.reversal "Account Move Reversal" id asc
        move_ids#account.move new_move_ids#account.move date:date date_mode:selection{custom|entry}!@-16 reason:char= journal_id>account.journal!
        refund_method:selection{refund|cancel|modify}!@-16 company_id>res.company!= residual:monetary= currency_id>res.currency= move_type:char=
        """

    private static let payments = """
        model account.payment "Payments" date desc, name desc, id desc
        name:char state:selection{draft|posted|cancel}!=@-17 state:selection{draft|in_process|paid|canceled|rejected}!@18-
        payment_type:selection{outbound|inbound}! partner_type:selection{customer|supplier}! partner_id>res.partner amount:monetary
        currency_id>res.currency date:date! journal_id>account.journal! company_id>res.company! ref:char@-17 memo:char@18- payment_reference:char
        move_id>account.move payment_method_id>account.payment.method payment_method_line_id>account.payment.method.line@15- payment_method_code:char=
        destination_account_id>account.account outstanding_account_id>account.account=@15- is_reconciled:boolean= is_matched:boolean=
        is_internal_transfer:boolean@-17 reconciled_invoice_ids#account.move= reconciled_invoices_count:integer= reconciled_bill_ids#account.move=
        reconciled_bills_count:integer= company_currency_id>res.currency= amount_signed:monetary=@15- invoice_ids#account.move@18-
        amount_company_currency_signed:monetary=@15-
        model account.payment.register "Pay" id asc
        payment_date:date! amount:monetary journal_id>account.journal currency_id>res.currency communication:char group_payment:boolean
        payment_type:selection{outbound|inbound}= partner_type:selection{customer|supplier}= partner_id>res.partner= line_ids#account.move.line=
        payment_method_id>account.payment.method@-14 payment_method_line_id>account.payment.method.line@15-
        payment_difference_handling:selection{open|reconcile} payment_difference:monetary= writeoff_account_id>account.account writeoff_label:char
        source_amount:monetary= source_amount_currency:monetary= source_currency_id>res.currency= company_id>res.company=
        company_currency_id>res.currency= can_edit_wizard:boolean= can_group_payments:boolean=
        """

    private static let things = """
        model product.category "Product Category" complete_name asc
        name:char! complete_name:char= parent_id>product.category property_account_income_categ_id>account.account
        property_account_expense_categ_id>account.account
        model uom.uom "Product Unit of Measure" id asc
        name:char! active:boolean rounding:float
        model product.template "Product" name asc
        name:char! default_code:char list_price:float standard_price:float type:selection{consu|service|product}!@-17
        type:selection{consu|service|combo}!@18- active:boolean sale_ok:boolean purchase_ok:boolean barcode:char description_sale:text
        categ_id>product.category uom_id>uom.uom! taxes_id#account.tax supplier_taxes_id#account.tax company_id>res.company currency_id>res.currency=
        property_account_income_id>account.account property_account_expense_id>account.account product_variant_ids*product.product/product_tmpl_id
        product_variant_id>product.product= product_variant_count:integer=
        model product.product "Product Variant" default_code asc, name asc, id asc
        name:char! default_code:char list_price:float lst_price:float standard_price:float type:selection{consu|service|product}!@-17
        type:selection{consu|service|combo}!@18- active:boolean sale_ok:boolean purchase_ok:boolean barcode:char description:text@-14 description:html@15-
        description_sale:text categ_id>product.category uom_id>uom.uom! taxes_id#account.tax supplier_taxes_id#account.tax company_id>res.company
        currency_id>res.currency= property_account_income_id>account.account property_account_expense_id>account.account
        product_tmpl_id>product.template! weight:float volume:float
        """

    /// - Source: odoo/odoo, addons/purchase/models/purchase_order.py and purchase_order_line.py of several versions; that 19 calls taxes and units so is
    ///   general knowledge.
    private static let purchases = """
        model purchase.order "Purchase Order" priority desc, id desc
        name:char! priority:selection{0|1} origin:char partner_ref:char date_order:datetime! date_approve:datetime= partner_id>res.partner!
        currency_id>res.currency! state:selection{draft|sent|to~approve|purchase|done|cancel}=@-18
        state:selection{draft|sent|to~approve|purchase|cancel}=@19- locked:boolean@19- order_line*purchase.order.line/order_id notes:text@-14 notes:html@15-18
        note:html@19- invoice_count:integer= invoice_ids#account.move= invoice_status:selection{no|to~invoice|invoiced}= date_planned:datetime
        amount_untaxed:monetary= amount_tax:monetary= amount_total:monetary= fiscal_position_id>account.fiscal.position
        payment_term_id>account.payment.term user_id>res.users company_id>res.company! currency_rate:float=
        model purchase.order.line "Purchase Order Line" order_id, sequence, id
        order_id>purchase.order! name:text! sequence:integer product_id>product.product product_qty:float! product_uom>uom.uom@-18
        product_uom_id>uom.uom@19- price_unit:float! discount:float@17- taxes_id#account.tax@-18 tax_ids#account.tax@19- date_planned:datetime
        price_subtotal:monetary= price_total:monetary= price_tax:float= display_type:selection{line_section|line_note}
        account_analytic_id>account.analytic.account@-15 analytic_distribution:json@16- company_id>res.company= partner_id>res.partner=
        currency_id>res.currency= qty_received:float qty_invoiced:float=
        """
}
