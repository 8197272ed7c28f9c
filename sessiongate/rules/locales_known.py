"""The locales that CLDR knows, by the script they are most likely written in.

Made by `make locales` from CLDR's data; not edited by hand. Locales that our form cannot say (three
letters, several scripts) are left out.
"""

BY_SCRIPT: dict[str, str] = {
    "Arab": (
        "ar ar_AE ar_BH ar_DJ ar_DZ ar_EG ar_EH ar_ER ar_IL ar_IQ ar_JO ar_KM ar_KW ar_LB ar_LY "
        "ar_MA ar_MR ar_OM ar_PS ar_QA ar_SA ar_SD ar_SO ar_SS ar_SY ar_TD ar_TN ar_YE az_IQ "
        "az_IR fa fa_AF fa_IR ha_SD kk_CN ks ks_IN pa_PK ps ps_AF ps_PK sd sd_PK ug ug_CN ur "
        "ur_IN ur_PK uz_AF"
    ),
    "Armn": "hy hy_AM",
    "Beng": "as as_IN bn bn_BD bn_IN",
    "Cans": "iu iu_CA",
    "Cyrl": (
        "ab ab_GE ba ba_RU be be_BY bg bg_BG ce ce_RU cu cu_RU cv cv_RU kk kk_KZ ky ky_KG mk "
        "mk_MK mn mn_MN os os_GE os_RU ru ru_BY ru_KG ru_KZ ru_MD ru_RU ru_UA sr sr_BA sr_RS "
        "sr_XK tg tg_TJ tt tt_RU uk uk_UA"
    ),
    "Deva": "hi hi_IN mr mr_IN ne ne_IN ne_NP sa sa_IN sd_IN",
    "Ethi": "am am_ET ti ti_ER ti_ET",
    "Geor": "ka ka_GE",
    "Grek": "el el_CY el_GR",
    "Gujr": "gu gu_IN",
    "Guru": "pa pa_IN",
    "Hans": "zh zh_CN zh_MY zh_SG",
    "Hant": "zh_HK zh_MO zh_TW",
    "Hebr": "he he_IL yi yi_UA",
    "Jpan": "ja ja_JP",
    "Khmr": "km km_KH",
    "Knda": "kn kn_IN",
    "Kore": "ko ko_CN ko_KP ko_KR",
    "Laoo": "lo lo_LA",
    "Latn": (
        "aa aa_DJ aa_ER aa_ET af af_NA af_ZA ak ak_GH an an_ES az az_AZ az_TR bm bm_ML br br_FR "
        "bs bs_BA ca ca_AD ca_ES ca_FR ca_IT co co_FR cs cs_CZ cy cy_GB da da_DK da_GL de de_AT "
        "de_BE de_CH de_DE de_IT de_LI de_LU ee ee_GH ee_TG en en_AE en_AG en_AI en_AS en_AT "
        "en_AU en_BB en_BE en_BI en_BM en_BS en_BW en_BZ en_CA en_CC en_CH en_CK en_CM en_CX "
        "en_CY en_CZ en_DE en_DG en_DK en_DM en_ER en_ES en_FI en_FJ en_FK en_FM en_FR en_GB "
        "en_GD en_GG en_GH en_GI en_GM en_GS en_GU en_GY en_HK en_HU en_ID en_IE en_IL en_IM "
        "en_IN en_IO en_IT en_JE en_JM en_KE en_KI en_KN en_KY en_LC en_LR en_LS en_MG en_MH "
        "en_MO en_MP en_MS en_MT en_MU en_MV en_MW en_MY en_NA en_NF en_NG en_NL en_NO en_NR "
        "en_NU en_NZ en_PG en_PH en_PK en_PL en_PN en_PR en_PT en_PW en_RO en_RW en_SB en_SC "
        "en_SD en_SE en_SG en_SH en_SI en_SK en_SL en_SS en_SX en_SZ en_TC en_TK en_TO en_TT "
        "en_TV en_TZ en_UG en_UM en_US en_VC en_VG en_VI en_VU en_WS en_ZA en_ZM en_ZW eo es "
        "es_AR es_BO es_BR es_BZ es_CL es_CO es_CR es_CU es_DO es_EA es_EC es_ES es_GQ es_GT "
        "es_HN es_IC es_MX es_NI es_PA es_PE es_PH es_PR es_PY es_SV es_US es_UY es_VE et et_EE "
        "eu eu_ES ff ff_BF ff_CM ff_GH ff_GM ff_GN ff_GW ff_LR ff_MR ff_NE ff_NG ff_SL ff_SN fi "
        "fi_FI fo fo_DK fo_FO fr fr_BE fr_BF fr_BI fr_BJ fr_BL fr_CA fr_CD fr_CF fr_CG fr_CH "
        "fr_CI fr_CM fr_DJ fr_DZ fr_FR fr_GA fr_GF fr_GN fr_GP fr_GQ fr_HT fr_KM fr_LU fr_MA "
        "fr_MC fr_MF fr_MG fr_ML fr_MQ fr_MR fr_MU fr_NC fr_NE fr_PF fr_PM fr_RE fr_RW fr_SC "
        "fr_SN fr_SY fr_TD fr_TG fr_TN fr_VU fr_WF fr_YT fy fy_NL ga ga_GB ga_IE gd gd_GB gl "
        "gl_ES gn gn_PY gv gv_IM ha ha_GH ha_NE ha_NG hr hr_BA hr_HR ht ht_HT hu hu_HU ia id "
        "id_ID ie ie_EE ig ig_NG io is is_IS it it_CH it_IT it_SM it_VA jv jv_ID ki ki_KE kl "
        "kl_GL ku ku_TR kw kw_GB la la_VA lb lb_LU lg lg_UG ln ln_AO ln_CD ln_CF ln_CG lt lt_LT "
        "lu lu_CD lv lv_LV mg mg_MG mi mi_NZ ms ms_BN ms_ID ms_MY ms_SG mt mt_MT nb nb_NO nb_SJ "
        "nd nd_ZW nl nl_AW nl_BE nl_BQ nl_CW nl_NL nl_SR nl_SX nn nn_NO no nr nr_ZA nv nv_US ny "
        "ny_MW oc oc_ES oc_FR om om_ET om_KE pl pl_PL pt pt_AO pt_BR pt_CH pt_CV pt_GQ pt_GW "
        "pt_LU pt_MO pt_MZ pt_PT pt_ST pt_TL qu qu_BO qu_EC qu_PE rm rm_CH rn rn_BI ro ro_MD "
        "ro_RO rw rw_RW sc sc_IT se se_FI se_NO se_SE sg sg_CF sk sk_SK sl sl_SI sn sn_ZW so "
        "so_DJ so_ET so_KE so_SO sq sq_AL sq_MK sq_XK sr_ME ss ss_SZ ss_ZA st st_LS st_ZA su "
        "su_ID sv sv_AX sv_FI sv_SE sw sw_CD sw_KE sw_TZ sw_UG tk tk_TM tn tn_BW tn_ZA to to_TO "
        "tr tr_CY tr_TR ts ts_ZA uz uz_UZ ve ve_ZA vi vi_VN vo wa wa_BE wo wo_SN xh xh_ZA yo "
        "yo_BJ yo_NG za za_CN zu zu_ZA"
    ),
    "Mlym": "ml ml_IN",
    "Mong": "mn_CN",
    "Mymr": "my my_MM",
    "Orya": "or or_IN",
    "Sinh": "si si_LK",
    "Taml": "ta ta_IN ta_LK ta_MY ta_SG",
    "Telu": "te te_IN",
    "Thaa": "dv dv_MV",
    "Thai": "th th_TH",
    "Tibt": "bo bo_CN bo_IN dz dz_BT",
    "Yiii": "ii ii_CN",
}
